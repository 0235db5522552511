/*
 * leasehold-hook [prolog|epilog|register|end] [--socket PATH] [--timeout SECONDS] [--away SECONDS] [--peer UID]
 *
 * What a batch scheduler forks: passes the variables it was given to the node agent (prolog, epilog) or to the signer (register, end),
 * and waits for the answer. docs/slurm-protocol.md has the protocol. Without a verb, as slurm.conf names it, Slurm's own word for the
 * script that it runs says which one it is.
 *
 * It exits 0 whatever happens: any other status of a prolog takes the node out of service, and one of PrologSlurmctld queues the job
 * again for ever. Whether a job may start is what the task prolog decides, by the marker that only a served prolog leaves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Tests have a node for each folder of one machine, and Slurm passes no arguments. */
#ifndef AGENT
#define AGENT "/run/leasehold/agent.sock"
#define SIGNER "/run/leasehold-signer/signer.sock"
#endif
#define MOST_BYTES (4u * 1024 * 1024)
#define MOST_TEXT 1000
#define MOST_WISH 65536

static const char *const of_register[] = {
    "SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_JOB_UID", "SLURM_JOB_GID", "SLURM_JOB_USER", "SLURM_JOB_GROUP",
    "SLURM_JOB_ACCOUNT", "SLURM_JOB_PARTITION", "SLURM_JOB_QOS", "SLURM_JOB_NODELIST", "SLURM_JOB_RESTART_COUNT",
    "SLURM_JOB_START_TIME", "SLURM_JOB_END_TIME", "SLURM_JOB_SLUID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID",
    "SLURM_HET_JOB_ID", "SLURM_HET_JOB_OFFSET", "SPANK_LEASEHOLD", "SLURM_JOB_COMMENT", NULL};
static const char *const of_end[] = {"SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_JOB_RESTART_COUNT", "SLURM_JOB_SLUID", NULL};
static const char *const of_prolog[] = {
    "SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_JOB_UID", "SLURM_JOB_GID", "SLURM_JOB_USER", "SLURMD_NODENAME",
    "SLURM_JOB_RESTART_COUNT", "SLURM_JOB_START_TIME", "SLURM_JOB_SLUID", "SLURM_HET_JOB_ID", "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_PARTITION", "SPANK_LEASEHOLD", "SLURM_JOB_COMMENT", NULL};
/* No text of the user's: one that cannot be read must not keep the files from being removed. */
static const char *const of_epilog[] = {
    "SLURM_CLUSTER_NAME", "SLURM_JOB_ID", "SLURM_JOB_UID", "SLURM_JOB_GID", "SLURM_JOB_USER", "SLURMD_NODENAME",
    "SLURM_JOB_RESTART_COUNT", "SLURM_JOB_START_TIME", "SLURM_JOB_SLUID", "SLURM_HET_JOB_ID", NULL};

/* slurmd gives a prolog twice its MessageTimeout (10 s) before it takes the node out of service. */
static const struct verb {
    const char *name;
    const char *context; /* SLURM_SCRIPT_CONTEXT, which no user can set: theirs all begin with SPANK_ */
    const char *const *variables;
    const char *socket;
    int seconds;
    int away; /* how long a daemon that is gone may take to come back; for the agent the node waits, for the signer the job alone */
} verbs[] = {{"prolog", "prolog_slurmd", of_prolog, AGENT, 15, 3},
             {"epilog", "epilog_slurmd", of_epilog, AGENT, 15, 3},
             {"register", "prolog_slurmctld", of_register, SIGNER, 30, 8},
             {"end", "epilog_slurmctld", of_end, SIGNER, 10, 8}};

static const char *verb_name = "";

/* One line for administrators, with its end on standard error, and as a record of syslog. Blocks nowhere: a full pipe or a stuck log daemon must not hold
 * up a job. Calls nothing that a handler of signals may not. */
static void tell(const char *line, size_t length, const char *record, size_t record_length) {
    struct pollfd out = {.fd = 2, .events = POLLOUT};
    /* A pipe that polls as writable takes PIPE_BUF bytes, which the line is shorter than. */
    if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0 && write(2, line, length) < 0) errno = 0;
    int log = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (log < 0) return;
    struct sockaddr_un where = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    if (sendto(log, record, record_length, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&where, sizeof where) < 0) errno = 0;
    close(log);
}

/* Says one line where administrators look; 0, so that it can be the end of what failed. */
static int say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int say(const char *format, ...) {
    char text[MOST_TEXT + 200], line[sizeof text + 64], record[sizeof line];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) /* no line breaks or terminal sequences from the other side */
        if ((unsigned char)*at < 0x20 || *at == 0x7f) *at = '?';
    int length = snprintf(line, sizeof line, "leasehold-hook %s: %s\n", verb_name, text);
    int record_length = snprintf(record, sizeof record, "<27>leasehold-hook[%d]: %s: %s", (int)getpid(), verb_name, text); /* daemon.err */
    tell(line, (size_t)length, record, (size_t)record_length);
    return 0;
}

static void leave(int signal) {
    (void)signal;
    _exit(0);
}

/* A fault of this program's own must not cost a node either. */
static void leave_broken(int signal) {
    static const char line[] = "leasehold-hook: ended by a fault of its own\n", record[] = "<27>leasehold-hook: ended by a fault of its own";
    (void)signal;
    tell(line, sizeof line - 1, record, sizeof record - 1);
    _exit(0);
}

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* 1 when the socket is ready, 0 when the time is over. */
static int ready(int peer, short events, long long until) {
    for (;;) {
        long long left = until - now_ms();
        if (left <= 0) return 0;
        struct pollfd wait = {.fd = peer, .events = events};
        int count = poll(&wait, 1, (int)left);
        if (count > 0) return 1;
        if (count < 0 && errno != EINTR) return 0;
    }
}

static long number(const char *text, long most) {
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    return *text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > most ? -1 : value;
}

/* NULL for a wish that is longer than any: a text of the user's must not make the request too large, which would fail the job. */
static const char *value_of(const char *name) {
    const char *value = getenv(name);
    int is_wish = strcmp(name, "SPANK_LEASEHOLD") == 0 || strcmp(name, "SLURM_JOB_COMMENT") == 0;
    return value != NULL && is_wish && strlen(value) > MOST_WISH ? NULL : value;
}

/* The whole request, or NULL when it is larger than any scheduler's. */
static char *request(const struct verb *verb, size_t *length) {
    size_t size = strlen(verb->name) + 16;
    for (const char *const *name = verb->variables; *name != NULL; name++) {
        const char *value = value_of(*name);
        if (value != NULL) size += strlen(*name) + strlen(value) + 2;
        if (size > MOST_BYTES) return NULL;
    }
    char *bytes = malloc(size);
    if (bytes == NULL) return NULL;
    char *at = bytes + sprintf(bytes, "leasehold/1 %s\n", verb->name);
    for (const char *const *name = verb->variables; *name != NULL; name++) {
        const char *value = value_of(*name);
        if (value != NULL) at += sprintf(at, "%s=%s", *name, value) + 1;
    }
    *at++ = '\0';
    *length = (size_t)(at - bytes);
    return bytes;
}

/* Asks on a connection of its own. 1 when that ended before an answer: whoever serves has died, or is going down. */
static int ask_once(const struct sockaddr_un *where, const char *bytes, size_t length, long long until, long seconds, long away, long peer_uid) {
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer < 0) return say("no socket: %s", strerror(errno));
    long long back_by = now_ms() + away * 1000 < until ? now_ms() + away * 1000 : until;
    while (connect(peer, (const struct sockaddr *)where, sizeof *where) != 0) {
        /* A full backlog passes, and so does a restart of the daemon. */
        long long wait_until = errno == EAGAIN || errno == EINTR ? until : errno == ECONNREFUSED || errno == ENOENT ? back_by : 0;
        if (now_ms() + 20 >= wait_until) return say("%s cannot be reached: %s", where->sun_path, strerror(errno));
        poll(NULL, 0, 20);
    }
    struct ucred other;
    socklen_t size = sizeof other;
    /* Nobody else may take in what the scheduler says, or answer for it. */
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &other, &size) != 0 ||
        (other.uid != 0 && other.uid != geteuid() && (long)other.uid != peer_uid))
        return say("%s is served by a user who may not", where->sun_path);
    for (size_t sent = 0; sent < length;) {
        ssize_t count = send(peer, bytes + sent, length - sent, MSG_NOSIGNAL);
        if (count >= 0) sent += (size_t)count;
        else if (errno != EAGAIN && errno != EINTR) break; /* whoever refuses early has answered already */
        else if (!ready(peer, POLLOUT, until)) return say("no answer within %ld s", seconds);
    }
    char answer[MOST_TEXT + 8];
    for (size_t had = 0;;) {
        ssize_t count = recv(peer, answer + had, sizeof answer - 1 - had, 0);
        if (count > 0) {
            char *end = memchr(answer + had, '\n', (size_t)count);
            had += (size_t)count;
            if (end != NULL) {
                *end = '\0';
                break;
            }
            if (had == sizeof answer - 1) return say("the answer is too long");
        } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(peer);
            return 1;
        } else if (!ready(peer, POLLIN, until)) {
            return say("no answer within %ld s", seconds);
        }
    }
    if (strncmp(answer, "FAIL ", 5) == 0) say("%s", answer + 5);
    else if (strcmp(answer, "OK") != 0 && strncmp(answer, "OK ", 3) != 0) say("the answer is not understood");
    return 0;
}

static int ask(const struct verb *verb, const char *path, long seconds, long away, long peer_uid) {
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof where.sun_path) return say("the path of the socket is too long");
    strcpy(where.sun_path, path);
    long long until = now_ms() + seconds * 1000;
    size_t length = 0;
    static char *bytes; /* the process ends before anybody could free it */
    bytes = request(verb, &length);
    if (bytes == NULL) return say("the variables are too large");
    /* Again: every verb may be said twice, and nobody comes again for an epilog whose agent was killed in the middle of it. Of a process that dies,
     * the socket may be the last to be closed: it still takes a connection, and nobody reads it. */
    static const int pauses_ms[] = {0, 0, 50, 500};
    for (size_t at = 0; at < sizeof pauses_ms / sizeof *pauses_ms; at++) {
        poll(NULL, 0, pauses_ms[at]);
        if (ask_once(&where, bytes, length, until, seconds, away, peer_uid) == 0) return 0;
    }
    return say("the connection ended before an answer");
}

int main(int argc, char **argv) {
    /* The scheduler's own signals end it with 0, too. */
    const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGPIPE};
    for (size_t at = 0; at < sizeof ends / sizeof *ends; at++) signal(ends[at], leave);
    const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    for (size_t at = 0; at < sizeof faults / sizeof *faults; at++) signal(faults[at], leave_broken);
    const struct verb *verb = NULL;
    int says_verb = argc > 1 && strncmp(argv[1], "--", 2) != 0;
    const char *word = says_verb ? argv[1] : getenv("SLURM_SCRIPT_CONTEXT");
    for (size_t at = 0; word != NULL && at < sizeof verbs / sizeof *verbs; at++)
        if (strcmp(word, says_verb ? verbs[at].name : verbs[at].context) == 0) verb = &verbs[at];
    const char *path = verb == NULL ? "" : verb->socket;
    long seconds = verb == NULL ? 0 : verb->seconds, away = verb == NULL ? 0 : verb->away, peer_uid = -1;
    int first = 1 + says_verb, wrong = verb == NULL || (argc - first) % 2 != 0;
    for (int at = first; !wrong && at < argc; at += 2) {
        if (strcmp(argv[at], "--socket") == 0) path = argv[at + 1];
        else if (strcmp(argv[at], "--timeout") == 0) wrong = (seconds = number(argv[at + 1], 3600)) < 1;
        else if (strcmp(argv[at], "--away") == 0) wrong = (away = number(argv[at + 1], 3600)) < 0;
        else if (strcmp(argv[at], "--peer") == 0) wrong = (peer_uid = number(argv[at + 1], 4294967294L)) < 0;
        else wrong = 1;
    }
    if (wrong) {
        say("usage: leasehold-hook [prolog|epilog|register|end] [--socket PATH] [--timeout SECONDS] [--away SECONDS] [--peer UID]; "
            "without a verb SLURM_SCRIPT_CONTEXT says it");
        return 0;
    }
    verb_name = verb->name;
    /* Nothing can make it stay. */
    alarm((unsigned)seconds + 2);
    ask(verb, path, seconds, away, peer_uid);
    return 0;
}
