/*
 * What a session that was taken over can have the signer do, and what a signer that was taken over can
 * do itself: both are asked here, as an attacker would.
 */
#include "tls/signer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "protocol/clock.h"
#include "protocol/passing.h"
#include "tests/unit/check.h"
#include "tls/identity.h"

enum {
    SPACES = 64,
    HEAD = SPACES + 34, /* and the context, with its NUL */
    HASH = 32,
    MOST = 1024,
    LIMIT_S = 20,
    PATH = -1000, /* stands for an argument of a system call */
};

extern const struct tls tls_module;

static const char context[] = "TLS 1.3, server CertificateVerify";
static char folder[256];
static char file[300];

struct signer {
    pid_t pid;
    int channel;
    struct tls_identity *identity;
};

static void start(struct signer *signer)
{
    const struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
    char fault[TLS_FAULT_ROOM];
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    signer->pid = fork();
    if (signer->pid == 0) {
        (void)close(pair[0]);
        signer_run(pair[1], file, &owner);
    }
    (void)close(pair[1]);
    signer->channel = pair[0];
    CHECK(signer_start(pair[0], NULL, clock_ms() + LIMIT_S * (int64_t)1000, &signer->identity,
                       fault) == 0);
}

static void stop(struct signer *signer)
{
    int status = 0;

    (void)close(signer->channel);
    CHECK(waitpid(signer->pid, &status, 0) == signer->pid && WIFEXITED(status) &&
          WEXITSTATUS(status) == 0);
    identity_close(signer->identity);
}

/* What the parent makes for a connection: the end of its session. */
static int connect_one(const struct signer *signer)
{
    const struct timeval limit = {.tv_sec = LIMIT_S};
    char byte = 0;
    int pair[2];

    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
    CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0);
    CHECK(passing_send(signer->channel, &byte, sizeof byte, &pair[1], 1, 0) == 0);
    (void)close(pair[1]);
    return pair[0];
}

/* Asks for the signature of a content; returns its length. */
static size_t ask(const struct signer *signer, const void *content, size_t length,
                  unsigned char signature[MOST])
{
    int session = connect_one(signer);

    CHECK(send(session, content, length, MSG_NOSIGNAL) == (ssize_t)length);
    ssize_t got = recv(session, signature, MOST, 0);
    CHECK(got >= 0);
    if (got > 0)
        CHECK(recv(session, signature, MOST, 0) == 0); /* and no more */
    (void)close(session);
    return (size_t)got;
}

static bool is_signed(const struct signer *signer, const void *content, size_t length)
{
    unsigned char signature[MOST];

    return ask(signer, content, length, signature) > 0;
}

/* What a server of TLS 1.3 signs. */
static size_t make_content(unsigned char content[MOST], size_t hash)
{
    memset(content, ' ', SPACES);
    memcpy(content + SPACES, context, sizeof context);
    memset(content + HEAD, 'h', hash);
    return HEAD + hash;
}

static void check_contents(const struct signer *signer)
{
    unsigned char content[MOST];
    unsigned char signature[MOST];

    CHECK(sizeof context == HEAD - SPACES);
    /* The hash has the length of SHA-256 or SHA-384. */
    for (size_t hash = 0; hash <= 80; hash++) {
        size_t length = make_content(content, hash);
        CHECK(is_signed(signer, content, length) == (hash == 32 || hash == 48));
    }
    /* Every byte before it has to be right, and may be no other one. */
    for (size_t i = 0; i < HEAD; i++) {
        size_t length = make_content(content, HASH);
        content[i] ^= 1;
        CHECK(!is_signed(signer, content, length));
    }
    /* A client signs with another context; a hash alone could be that of anything. */
    size_t length = make_content(content, HASH);
    memcpy(content + SPACES, "TLS 1.3, client CertificateVerify", sizeof context);
    CHECK(!is_signed(signer, content, length));
    CHECK(!is_signed(signer, content + HEAD, HASH));
    CHECK(!is_signed(signer, content + 1, length - 1));
    memset(content, ' ', sizeof content);
    CHECK(!is_signed(signer, content, 1) && !is_signed(signer, content, sizeof content));

    /* What is signed is a signature of just that. */
    length = make_content(content, HASH);
    const gnutls_datum_t signed_content = {.data = content, .size = (unsigned)length};
    int session = connect_one(signer);
    CHECK(send(session, content, length, 0) == (ssize_t)length);
    ssize_t got = recv(session, signature, sizeof signature, 0);
    const gnutls_datum_t result = {.data = signature, .size = (unsigned)got};
    CHECK(got == 64 &&
          gnutls_pubkey_verify_data2(signer->identity->certificate.pubkey,
                                     GNUTLS_SIGN_EDDSA_ED25519, 0, &signed_content, &result) == 0);
    (void)close(session);
}

/* Reads to the end. Returns how many signatures came. */
static int count_signatures(int session)
{
    unsigned char signature[MOST];
    ssize_t got = 0;
    int count = 0;

    /* It is reset when what else it asked for has not been read. */
    while ((got = recv(session, signature, sizeof signature, 0)) != 0) {
        CHECK(got == 64 || (got < 0 && errno == ECONNRESET));
        count += got > 0;
    }
    (void)close(session);
    return count;
}

/* A session has one thing signed, however many it asks for, and keeps nobody else waiting. */
static void check_once(const struct signer *signer)
{
    unsigned char content[MOST];
    size_t length = make_content(content, HASH);
    int idle[100];
    char byte = 0;

    for (size_t i = 0; i < COUNT(idle); i++)
        idle[i] = connect_one(signer);
    for (int turn = 0; turn < 20; turn++) {
        int session = connect_one(signer);
        for (int i = 0; i < 5; i++)
            (void)send(session, content, length, MSG_NOSIGNAL);
        CHECK(count_signatures(session) == 1);
    }
    /* What was refused once is not asked again. */
    int session = connect_one(signer);
    CHECK(send(session, "x", 1, 0) == 1);
    (void)send(session, content, length, MSG_NOSIGNAL);
    CHECK(count_signatures(session) == 0);
    /* A message that brings no descriptor; one that is closed at once. */
    CHECK(send(signer->channel, &byte, 1, 0) == 1);
    (void)close(connect_one(signer));
    CHECK(is_signed(signer, content, length));
    for (size_t i = 0; i < COUNT(idle); i++)
        (void)close(idle[i]);
    CHECK(is_signed(signer, content, length));
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Lets a stopped process go on to its next entry into the kernel, or exit from it. */
static void go_on(pid_t pid)
{
    int status = 0;

    CHECK(ptrace(PTRACE_SYSCALL, pid, NULL, NULL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    CHECK(WSTOPSIG(status) == (SIGTRAP | 0x80));
}

/*
 * Has the signer, which waits in epoll_wait(2), make another system call (ptrace(2)). Where an argument
 * is PATH, it is the place of a path in its memory. Returns the result.
 */
static long inject(pid_t pid, const struct user_regs_struct *waiting, long call, long first,
                   long second, long third, long fourth)
{
    static const char path[] = "/etc/passwd\0\0\0\0";
    struct user_regs_struct regs = *waiting;
    unsigned long at = (regs.rsp - 1024) & ~7UL;
    long *arguments[] = {&first, &second, &third, &fourth};
    long word = 0;

    for (size_t i = 0; i < sizeof path; i += sizeof word) {
        memcpy(&word, path + i, sizeof word);
        CHECK(ptrace(PTRACE_POKEDATA, pid, at + i, word) == 0);
    }
    for (size_t i = 0; i < COUNT(arguments); i++) {
        if (*arguments[i] == PATH)
            *arguments[i] = (long)at;
    }
    regs.orig_rax = (unsigned long)call;
    regs.rdi = (unsigned long)first;
    regs.rsi = (unsigned long)second;
    regs.rdx = (unsigned long)third;
    regs.r10 = (unsigned long)fourth;
    regs.r8 = (unsigned long)-1;
    regs.r9 = 0;
    CHECK(ptrace(PTRACE_SETREGS, pid, NULL, &regs) == 0);
    go_on(pid);
    CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &regs) == 0);
    long result = (long)regs.rax;
    /* Once more from the start, to the next entry. */
    regs = *waiting;
    regs.rip -= 2;
    regs.rax = regs.orig_rax;
    CHECK(ptrace(PTRACE_SETREGS, pid, NULL, &regs) == 0);
    go_on(pid);
    return result;
}

/* The signer can open nothing, reach nobody and run nothing else. */
static void check_walls(const struct signer *signer)
{
    struct user_regs_struct waiting;
    unsigned char content[MOST];
    pid_t pid = signer->pid;
    int status = 0;

    /* Nobody but root may look at it. */
    if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0) {
        CHECK(errno == EPERM);
        return;
    }
    CHECK(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    go_on(pid);
    CHECK(ptrace(PTRACE_GETREGS, pid, NULL, &waiting) == 0);
    CHECK(waiting.orig_rax == SYS_epoll_wait || waiting.orig_rax == SYS_restart_syscall ||
          waiting.orig_rax == SYS_epoll_pwait);
    waiting.orig_rax = SYS_epoll_wait;

    const struct {
        long call, first, second, third, fourth;
    } refused[] = {
        {SYS_openat, AT_FDCWD, PATH, O_RDONLY, 0},
        {SYS_open, PATH, O_RDONLY, 0, 0},
        {SYS_stat, PATH, PATH, 0, 0},
        {SYS_unlink, PATH, 0, 0, 0},
        {SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0},
        {SYS_socket, AF_INET, SOCK_STREAM, 0, 0},
        {SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, PATH},
        {SYS_connect, 0, PATH, 16, 0},
        {SYS_sendmsg, 0, PATH, 0, 0},
        {SYS_execve, PATH, 0, 0, 0},
        {SYS_fork, 0, 0, 0, 0},
        {SYS_kill, getpid(), 0, 0, 0},
        {SYS_ptrace, PTRACE_ATTACH, getpid(), 0, 0},
        {SYS_process_vm_readv, getpid(), PATH, 1, PATH},
        {SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0},
        {SYS_setrlimit, 4 /* RLIMIT_CORE */, PATH, 0, 0},
        {SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS},
        {SYS_mprotect, (long)waiting.rsp & ~4095L, 4096, PROT_READ | PROT_EXEC, 0},
        {SYS_write, 2, PATH, 1, 0},
    };
    /* So it is really that process which makes the calls. */
    CHECK(inject(pid, &waiting, SYS_getpid, 0, 0, 0, 0) == pid);
    for (size_t i = 0; i < COUNT(refused); i++)
        CHECK(inject(pid, &waiting, refused[i].call, refused[i].first, refused[i].second,
                     refused[i].third, refused[i].fourth) == -EPERM);
    CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
    size_t length = make_content(content, HASH);
    CHECK(is_signed(signer, content, length));
}
#else
static void check_walls(const struct signer *signer)
{
    (void)signer;
}
#endif

/* Of another kind of key it sees a hash only. */
static void check_hash(void)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_datum_t pem = {.data = NULL};
    unsigned char content[MOST];
    unsigned char signature[MOST];
    struct signer signer;

    CHECK(gnutls_x509_privkey_init(&key) == 0);
    CHECK(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) == 0);
    CHECK(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem) == 0);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, pem.data, pem.size) == (ssize_t)pem.size && close(fd) == 0);
    gnutls_free(pem.data);
    gnutls_x509_privkey_deinit(key);

    start(&signer);
    CHECK(!signer_can_check(signer.identity));
    size_t length = make_content(content, HASH);
    for (size_t hash = 0; hash <= 64; hash++)
        CHECK(hash == 0 || is_signed(&signer, content + HEAD, hash) == (hash == HASH));
    CHECK(!is_signed(&signer, content, length));
    CHECK(ask(&signer, content + HEAD, HASH, signature) > 0);
    stop(&signer);
}

int main(void)
{
    const char *temporary = getenv("TMPDIR");
    struct signer signer;

    (void)snprintf(folder, sizeof folder, "%s/signer.XXXXXX",
                   temporary != NULL ? temporary : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(file, sizeof file, "%s/identity.pem", folder);
    CHECK(tls_module.init() == 0);

    start(&signer);
    CHECK(signer_can_check(signer.identity));
    check_contents(&signer);
    check_once(&signer);
    check_walls(&signer);
    stop(&signer);
    check_hash();

    CHECK(unlink(file) == 0 && rmdir(folder) == 0);
    return EXIT_SUCCESS;
}
