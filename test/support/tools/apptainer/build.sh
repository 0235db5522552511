#!/bin/sh
# build.sh PROGRAM PACKAGE LDFLAGS: an unprivileged installation of Apptainer in the folder of PROGRAM, which is a link into it. It finds its
# configuration relative to itself, so a copy of bin, libexec, etc and var is another installation.
set -eu
umask 022

program=$1 package=$2 ldflags=$3
module=github.com/apptainer/apptainer
tags='containers_image_openpgp sylog apptainer_engine fakeroot_engine'
out=$(dirname "$program")
work=$(mktemp -d "$out/work-XXXXXX")

# Its own configuration is written among the sources, which Go allows nowhere below the module cache.
go mod download "$module"
cp -R "$(go list -m -f '{{.Dir}}' "$module")" "$work/src"
# Modules carry no modes.
chmod -R u+rwx "$work/src"
{
  cat go.mod
  echo "replace $module => $work/src"
} > "$work/go.mod"
cp go.sum "$work/go.sum"

version=$(go list -m -f '{{.Version}}' "$module")
(
  cd "$work/src"
  echo "${version#v}" > VERSION
  ./mconfig --reproducible --without-suid --without-seccomp --without-libsubid --without-network --prefix=/opt/apptainer
  cd internal/pkg/buildcfg
  GO_BUILD_TAGS=$tags go run confgen/gen.go ../../../builddir/config.h
)

mkdir -p "$out/bin" "$out/libexec/apptainer/bin" "$out/etc/apptainer" "$out/var/apptainer/mnt/session"
go build -v -trimpath -buildvcs=false -mod=readonly -modfile "$work/go.mod" -tags "$tags" -ldflags "$ldflags" \
  -o "$work/bin/" "$package" "${package%/*}/starter"
mv "$work/bin/apptainer" "$out/bin/"
mv "$work/bin/starter" "$out/libexec/apptainer/bin/"
rm -rf "$work"
: > "$out/etc/apptainer/capability.json"
"$out/bin/apptainer" confgen "$out/etc/apptainer/apptainer.conf"
ln -s bin/apptainer "$program"
