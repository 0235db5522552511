/*
 * leasehold-notify FOLDER
 *
 * Tells the processes of a run that the files in its folder have changed. The node agent starts it as the run's user, so that the kernel
 * decides what it can see and signal: processes of that user, whatever any environment claims.
 *
 * Told is a process that was started with LEASEHOLD_DIR=FOLDER and LEASEHOLD_SIGNAL=HUP, INT, TERM, USR1, USR2 or WINCH, and that handles
 * that signal or waits for it (SigCgt and SigBlk of proc(5)): to any other one it would be the end. One that was forked less than a second
 * ago is looked at again after a second: until it is another program it has the handlers of its parent, and loses them with that.
 *
 * Prints how many were told. Exit status: 0 done, 1 /proc cannot be read or a signal could not be sent, 2 wrong use.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define LONGEST 4200
#define SECONDS 5
/* More than these are told at once, rather than not at all. */
#define MOST_YOUNG 256

static const struct {
    const char *name;
    int number;
} signals[] = {{"HUP", SIGHUP}, {"INT", SIGINT}, {"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"WINCH", SIGWINCH}};

static FILE *of_process(int pid, const char *name) {
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

/* The next piece up to the separator, "" for one that is too long to be of interest; 0 at the end. */
static int next(FILE *file, int separator, char piece[LONGEST]) {
    size_t length = 0;
    int byte;
    while ((byte = getc(file)) != EOF && byte != separator)
        if (length < LONGEST) piece[length++] = (char)byte;
    if (length == LONGEST) length = 0;
    piece[length] = '\0';
    return byte != EOF || length > 0;
}

static const char *after(const char *piece, const char *start) {
    size_t length = strlen(start);
    return strncmp(piece, start, length) == 0 ? piece + length : NULL;
}

static int signal_named(const char *name) {
    const char *rest = after(name, "SIG");
    for (size_t at = 0; at < sizeof signals / sizeof *signals; at++)
        if (strcmp(rest == NULL ? name : rest, signals[at].name) == 0) return signals[at].number;
    return 0;
}

/* The signal that the process was started to be told by; 0 where it was not, or belongs to another run. */
static int wanted_by(int pid, const char *folder) {
    char piece[LONGEST];
    int number = 0, is_of_run = 0;
    FILE *file = of_process(pid, "environ");
    if (file == NULL) return 0;
    while (next(file, '\0', piece)) {
        const char *value = after(piece, "LEASEHOLD_DIR=");
        if (value != NULL) is_of_run = strcmp(value, folder) == 0;
        value = after(piece, "LEASEHOLD_SIGNAL=");
        if (value != NULL) number = signal_named(value);
    }
    (void)fclose(file);
    return is_of_run ? number : 0;
}

/* srun has the environment of the tasks that it starts, and takes signals as commands: it ends or signals all of them. */
static int heeds(int pid, int number) {
    char piece[LONGEST];
    int answer = 0;
    FILE *file = of_process(pid, "status");
    if (file == NULL) return 0;
    while (next(file, '\n', piece)) {
        if (strcmp(piece, "Name:\tsrun") == 0) {
            answer = 0;
            break;
        }
        const char *mask = after(piece, "SigCgt:\t");
        if (mask == NULL) mask = after(piece, "SigBlk:\t");
        if (mask != NULL && (strtoull(mask, NULL, 16) >> (number - 1) & 1) != 0) answer = 1;
    }
    (void)fclose(file);
    return answer;
}

/* Whether it was forked less than a second ago. */
static int is_young(int pid) {
    char piece[LONGEST];
    struct timespec now;
    FILE *file = of_process(pid, "stat");
    if (file == NULL) return 0;
    (void)next(file, EOF, piece);
    (void)fclose(file);
    /* The name, the second field, may hold anything. The 22nd is when it was forked, in ticks since the machine booted. */
    const char *at = strrchr(piece, ')');
    for (int field = 2; at != NULL && field < 22; field++) at = strchr(at + 1, ' ');
    if (at == NULL) return 0;
    double ticks = (double)strtoull(at + 1, NULL, 10);
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - ticks / (double)sysconf(_SC_CLK_TCK) < 1;
}

/* A process that is looked at, held so that its number is no other one's a moment later. */
struct process {
    int pid, held;
};

static struct process young[MOST_YOUNG];
static int young_count = 0;

/* 1 when it was told, 0 when it is not one to tell, or has ended; -1 when it could not be. Of the others it puts off what is young. */
static int tell(struct process one, const char *folder, int may_put_off) {
    int number = wanted_by(one.pid, folder), answer = 0;
    if (number != 0 && heeds(one.pid, number)) {
        if (may_put_off && young_count < MOST_YOUNG && is_young(one.pid)) {
            young[young_count++] = one;
            return 0;
        }
        long sent = one.held < 0 ? kill(one.pid, number) : syscall(SYS_pidfd_send_signal, one.held, number, NULL, 0);
        answer = sent == 0 ? 1 : errno == ESRCH ? 0 : -1;
    }
    if (one.held >= 0) (void)close(one.held);
    return answer;
}

static int process_number(const char *text) {
    char *end = NULL;
    long value = *text < '1' || *text > '9' ? 0 : strtol(text, &end, 10);
    return value > 0 && *end == '\0' && value <= 4194304 ? (int)value : 0;
}

int main(int argc, char **argv) {
    if (argc != 2 || argv[1][0] != '/') {
        (void)fputs("usage: leasehold-notify FOLDER\n", stderr);
        return 2;
    }
    alarm(SECONDS);
    DIR *processes = opendir("/proc");
    if (processes == NULL) return 1;
    int count = 0, failed = 0;
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        int pid = process_number(entry->d_name);
        if (pid == 0) continue;
        struct process one = {.pid = pid, .held = (int)syscall(SYS_pidfd_open, pid, 0)};
        if (one.held < 0 && errno != ENOSYS) continue;
        int answer = tell(one, argv[1], 1);
        if (answer > 0) count++;
        if (answer < 0) failed = 1;
    }
    (void)closedir(processes);
    if (young_count > 0) (void)sleep(1);
    for (int at = 0; at < young_count; at++) {
        int answer = tell(young[at], argv[1], 0);
        if (answer > 0) count++;
        if (answer < 0) failed = 1;
    }
    (void)printf("%d\n", count);
    return failed;
}
