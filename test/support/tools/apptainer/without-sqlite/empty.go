// Package sqlite3 stands in for the driver: it keeps what was pulled from registries, which no test does, and is a third of the build.
package sqlite3
