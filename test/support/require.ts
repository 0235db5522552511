import { existsSync } from 'node:fs';
import { describe, it } from 'vitest';
import { findOnPath } from '../../src/demo/parts/find-program.ts';
import { findPostgres } from './parts/postgres-programs.ts';
import { missingForPackages } from './parts/packages.ts';
import { missingSlurmAccounting } from './parts/slurm-accounting.ts';
import { missingSlurm } from './parts/slurm.ts';
import type { VaultProduct } from './parts/vault.ts';
import { SKIP_MARK } from './run/report.ts';
import type { ToolName } from './tools/definitions.ts';
import { findTool } from './tools/find-tool.ts';

/** A real part that a suite starts. */
export type Part =
  | VaultProduct
  | 'postgres'
  | 'kubernetes'
  | 'slurm'
  | 'slurm-accounting'
  | 'runc'
  | 'apptainer'
  | 'arm64'
  | 'packages';

/** Where Debian has it. */
export const runc = '/usr/sbin/runc';

/** What makes static programs for arm64, and what runs them on another machine. */
export const forArm64 = { compiler: 'aarch64-linux-gnu-gcc', emulator: 'qemu-aarch64' } as const;

/** Set by the gate that must not pass with suites left out. */
const REQUIRE_PARTS = process.env['LEASEHOLD_REQUIRE_PARTS'] === '1';

const missingTools = (...names: readonly ToolName[]): readonly string[] =>
  names.flatMap((name) => {
    const found = findTool(name);
    return 'missing' in found ? [found.missing] : [];
  });

const reasonsByPart: Readonly<Record<Part, () => readonly string[]>> = {
  vault: () => missingTools('vault'),
  bao: () => missingTools('bao'),
  postgres: () => {
    const found = findPostgres();
    return 'missing' in found ? [found.missing] : [];
  },
  slurm: missingSlurm,
  'slurm-accounting': missingSlurmAccounting,
  runc: () => (existsSync(runc) ? [] : [`there is no ${runc}`]),
  apptainer: () => missingTools('apptainer'),
  arm64: () =>
    Object.values(forArm64)
      .filter((program) => findOnPath(program, process.env) === undefined)
      .map((program) => `${program} is not on PATH`),
  packages: missingForPackages,
  kubernetes: () => missingTools('etcd', 'kube-apiserver', 'kube-controller-manager'),
};

/** Why a part cannot be started on this machine; empty where it can. */
export const missingReasons = (part: Part): readonly string[] => reasonsByPart[part]();

/**
 * `describe` for suites that start real parts. Where a part is missing the suite is skipped, with the reason in its
 * title and on stderr; under LEASEHOLD_REQUIRE_PARTS=1 it fails instead.
 */
export const describeWith = (parts: readonly Part[], name: string, suite: () => void): void => {
  const lacking = parts.filter((part) => missingReasons(part).length > 0);
  if (lacking.length === 0) {
    describe(name, suite);
    return;
  }
  const reason = lacking.flatMap(missingReasons).join('; ');
  if (REQUIRE_PARTS) {
    describe(name, () => {
      it(`has its parts (${parts.join(', ')})`, () => {
        throw new Error(`LEASEHOLD_REQUIRE_PARTS=1, but ${reason}`);
      });
    });
    return;
  }
  process.stderr.write(`\nSKIPPED: ${name}: ${reason}\n\n`);
  describe.skip(`${name} ${SKIP_MARK}${reason}]`, suite);
};

const titles: Readonly<Record<VaultProduct, string>> = { vault: 'Vault', bao: 'OpenBao' };

/** `describeWith` for what holds at a Vault and at an OpenBao: a suite for each, told which one to start. */
export const describeVaults = (
  parts: readonly Part[],
  name: (title: string) => string,
  suite: (product: VaultProduct) => void,
): void => {
  for (const product of ['vault', 'bao'] as const)
    describeWith([product, ...parts], name(titles[product]), () => suite(product));
};
