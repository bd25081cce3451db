/*
 * Runs a command, and kills one of its processes at a system call, or lets that call fail.
 *
 *   tracer RESULT WHICH CALL N[+] ACTION COMMAND...
 *
 * WHICH is 0 for the command itself, 1 for the first process that it or one below it forks, and so
 * on. CALL is the number of a system call, or "any". The action is for the N-th such call that the
 * process makes, in any of its threads; with "+" also for all after it; for none when N is 0. ACTION
 * is "kill", or the number of an error.
 *
 * The command is run in the process that was started, and the tracer is not its child. The numbers
 * of the calls of the process are written to the file RESULT, all in one line, and "end" when it has
 * ended. When all processes have ended, the last word is "done" if the action was taken, or else
 * "passed".
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TASKS_MOST = 1024,
    SYSCALL_STOP = SIGTRAP | 0x80,
    OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
              PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC,
};

/* A thread, and the process that it belongs to. */
struct task {
    pid_t id;
    pid_t process;
    int number; /* of the process, in the order of their beginnings */
    bool fails; /* the call that it is in */
};

static struct task tasks[TASKS_MOST];
static int task_count;
static int process_count;

/* What is to be done. */
static struct {
    int which;
    long call; /* -1 for any */
    long n;
    bool for_ever;
    int error; /* 0 for a kill */
    bool done;
    FILE *result;
} plan;

static _Noreturn void fail(const char *what)
{
    perror(what);
    exit(2);
}

static pid_t process_of(pid_t task)
{
    char path[64];
    char line[128];
    pid_t process = task;

    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)task);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "Tgid:", 5) == 0)
            process = (pid_t)strtol(line + 5, NULL, 10);
    }
    if (file != NULL)
        (void)fclose(file);
    return process;
}

static struct task *add(pid_t id)
{
    pid_t process = process_of(id);
    int number = -1;

    if (task_count == TASKS_MOST) {
        errno = ENOMEM;
        fail("tracer");
    }
    for (int i = 0; i < task_count; i++) {
        if (tasks[i].process == process)
            number = tasks[i].number;
    }
    if (number < 0)
        number = process_count++;
    tasks[task_count] = (struct task){.id = id, .process = process, .number = number};
    return &tasks[task_count++];
}

static struct task *find(pid_t id)
{
    for (int i = 0; i < task_count; i++) {
        if (tasks[i].id == id)
            return &tasks[i];
    }
    return add(id);
}

/* Numbers what a task has forked before that can fork anything else, and others stop before it. */
static void note_fork(pid_t task, int event)
{
    unsigned long forked = 0;

    if ((event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
         event == PTRACE_EVENT_CLONE) &&
        ptrace(PTRACE_GETEVENTMSG, task, 0L, &forked) == 0)
        (void)find((pid_t)forked);
}

/* Puts a harmless call, which every sandbox permits, in the place of one that is to fail. */
static void skip_call(pid_t task)
{
#if defined __x86_64__
    (void)ptrace(PTRACE_POKEUSER, task, offsetof(struct user_regs_struct, orig_rax), SYS_getpid);
#elif defined __aarch64__
    int call = SYS_getpid;
    struct iovec part = {&call, sizeof call};
    (void)ptrace(PTRACE_SETREGSET, task, NT_ARM_SYSTEM_CALL, &part);
#else
    (void)task;
    errno = ENOTSUP; /* how this machine does it */
    fail("tracer");
#endif
}

static void return_error(pid_t task, int error)
{
#if defined __x86_64__
    (void)ptrace(PTRACE_POKEUSER, task, offsetof(struct user_regs_struct, rax), -(long)error);
#elif defined __aarch64__
    struct user_regs_struct registers;
    struct iovec part = {&registers, sizeof registers};
    (void)ptrace(PTRACE_GETREGSET, task, NT_PRSTATUS, &part);
    registers.regs[0] = (unsigned long long)-(long long)error;
    (void)ptrace(PTRACE_SETREGSET, task, NT_PRSTATUS, &part);
#else
    (void)task;
    (void)error;
#endif
}

/* The process begins a call. */
static void enter(struct task *task, long call)
{
    (void)fprintf(plan.result, "%ld ", call);
    if (plan.call >= 0 && call != plan.call)
        return;
    plan.n--;
    if (plan.n != 0 && !(plan.for_ever && plan.n < 0))
        return;
    plan.done = true;
    task->fails = plan.error != 0;
    if (task->fails)
        skip_call(task->id);
    else
        (void)kill(task->process, SIGKILL);
}

static void stop_at_call(struct task *task)
{
    struct __ptrace_syscall_info info;

    if (ptrace(PTRACE_GET_SYSCALL_INFO, task->id, sizeof info, &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        enter(task, (long)info.entry.nr);
    } else if (task->fails) {
        return_error(task->id, plan.error);
        task->fails = false;
    }
}

/* A task is gone; the first one of a process goes last. */
static void note_end(pid_t id)
{
    const struct task *task = find(id);

    if (task->number == plan.which && task->process == id) {
        (void)fputs("end ", plan.result);
        (void)fflush(plan.result);
    }
}

/* Traces until nothing is left. */
static void trace(void)
{
    int status = 0;

    for (;;) {
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0 && errno == EINTR)
            continue;
        if (id < 0)
            return;
        if (!WIFSTOPPED(status)) {
            note_end(id);
            continue;
        }
        struct task *task = find(id);
        note_fork(id, status >> 16);
        bool is_target = task->number == plan.which;
        bool is_call = WSTOPSIG(status) == SYSCALL_STOP;
        int number = status >> 16 != 0 || is_call ? 0 : WSTOPSIG(status);
        if (is_target && is_call)
            stop_at_call(task);
        /* One that was killed meanwhile is gone, and tells so by and by. */
        (void)ptrace(is_target ? PTRACE_SYSCALL : PTRACE_CONT, id, 0L, (long)number);
    }
}

/* Attaches to the command before it begins, and lets it begin by a byte. */
static void attach(pid_t command, int go)
{
    int status = 0;

    if (ptrace(PTRACE_SEIZE, command, 0L, (long)OPTIONS) < 0 ||
        ptrace(PTRACE_INTERRUPT, command, 0L, 0L) < 0 || waitpid(command, &status, __WALL) < 0)
        fail("tracer: ptrace");
    (void)add(command);
    (void)ptrace(PTRACE_SYSCALL, command, 0L, 0L);
    if (write(go, "", 1) != 1)
        fail("tracer");
}

static _Noreturn void be_tracer(pid_t command, int go)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    attach(command, go);
    /* A signal to all ends the command, and then us. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    /* Whoever reads what the command prints waits for its end, and not for ours. */
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
    trace();
    (void)fprintf(plan.result, "%s\n", plan.done ? "done" : "passed");
    exit(fclose(plan.result) == 0 ? 0 : 1);
}

static void read_plan(char **arguments)
{
    char *end = NULL;

    plan.result = fopen(arguments[1], "we");
    if (plan.result == NULL)
        fail(arguments[1]);
    plan.which = (int)strtol(arguments[2], NULL, 10);
    plan.call = strcmp(arguments[3], "any") == 0 ? -1 : strtol(arguments[3], NULL, 10);
    plan.n = strtol(arguments[4], &end, 10);
    plan.for_ever = *end == '+';
    plan.error = strcmp(arguments[5], "kill") == 0 ? 0 : (int)strtol(arguments[5], NULL, 10);
}

int main(int argc, char **argv)
{
    pid_t command = getpid();
    int go[2];
    char byte = 0;

    if (argc < 7) {
        (void)fprintf(stderr, "Usage: tracer RESULT WHICH CALL N[+] ACTION COMMAND...\n");
        return 2;
    }
    read_plan(argv);
    /* Yama asks for a word of consent. */
    (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    if (pipe2(go, O_CLOEXEC) < 0)
        fail("tracer");
    pid_t between = fork();
    if (between == 0 && fork() == 0)
        be_tracer(command, go[1]);
    if (between == 0)
        _exit(0);
    (void)close(go[1]);
    if (between < 0 || waitpid(between, NULL, 0) < 0 || read(go[0], &byte, 1) != 1)
        return 2;
    (void)execvp(argv[6], argv + 6);
    fail(argv[6]);
}
