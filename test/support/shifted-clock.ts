import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A wall clock that a test sets off for one process, also while that process runs. Its monotonic clock stays. */
export interface ShiftedClock {
  /** For the process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Off by so many seconds from now on. */
  set(seconds: number): Promise<void>;
}

const compilerLimitMs = 60_000;

/** The offset is a mapped file, so that a jump needs nothing of the process. */
const source = `#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void map_offset(void) {
  const char *file = getenv("SHIFTED_CLOCK_FILE");
  int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) _exit(97);
  void *mapped = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) _exit(98);
  offset = mapped;
}

int clock_gettime(clockid_t id, struct timespec *now) {
  int result = (int)syscall(SYS_clock_gettime, id, now);
  int is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall && offset != NULL) now->tv_sec += *offset;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec at;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &at) != 0) return -1;
  now->tv_sec = at.tv_sec;
  now->tv_usec = at.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *now) {
  struct timespec at;
  if (clock_gettime(CLOCK_REALTIME, &at) != 0) return -1;
  if (now != NULL) *now = at.tv_sec;
  return at.tv_sec;
}
`;

const seconds = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};

/** Builds what shifts the clock, in that folder; not off until it is set. */
export async function createShiftedClock(folder: string): Promise<ShiftedClock> {
  const [code, library, file] = ['clock.c', 'clock.so', 'clock.offset'].map((name) => join(folder, name));
  if (code === undefined || library === undefined || file === undefined) throw new Error('no names');
  await writeFile(code, source);
  await writeFile(file, seconds(0));
  await promisify(execFile)('cc', ['-shared', '-fPIC', '-O1', '-o', library, code], {
    timeout: compilerLimitMs,
  });
  return {
    env: { LD_PRELOAD: library, SHIFTED_CLOCK_FILE: file },
    // In place: a new file would not be the one that is mapped. Not truncated first: reading past the end would kill the process.
    set: (value) => writeFile(file, seconds(value), { flag: 'r+' }),
  };
}
