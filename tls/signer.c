#include "tls/signer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "protocol/clock.h"
#include "protocol/passing.h"
#include "protocol/reason.h"
#include "tls/identity.h"

enum {
    SPACES = 64, /* before the context of what is signed */
    HASH_SHORT = 32,
    HASH_LONG = 48, /* of the cipher suites with SHA-384 */
    CONTENT_MOST = 256,
};

/* What the signer sends first begins with one of these. */
enum {
    FIRST_FAULT = 'f',     /* a text: why there is no identity */
    FIRST_LOCKED_IN = 'l', /* the certificate */
    FIRST_OPEN = 'o',      /* the same; the system did not let the signer lock itself in */
};

/* The context, with the NUL after it, of what a server signs (RFC 8446, 4.4.3). */
static const char context[] = "TLS 1.3, server CertificateVerify";

bool signer_can_check(const struct tls_identity *identity)
{
    return identity->algorithm == GNUTLS_PK_EDDSA_ED25519;
}

/* Is this the content of the CertificateVerify of a TLS 1.3 server? */
static bool is_of_server(const unsigned char *content, size_t length)
{
    for (size_t i = 0; i < SPACES; i++) {
        if (i >= length || content[i] != ' ')
            return false;
    }
    return (length == SPACES + sizeof context + HASH_SHORT ||
            length == SPACES + sizeof context + HASH_LONG) &&
           memcmp(content + SPACES, context, sizeof context) == 0;
}

/* Signs what was asked for, if it may be signed. Returns an error of GnuTLS. */
static int sign(const struct tls_identity *identity, const gnutls_datum_t *content,
                gnutls_datum_t *ret)
{
    if (identity->algorithm == GNUTLS_PK_EDDSA_ED25519)
        return is_of_server(content->data, content->size)
                   ? gnutls_privkey_sign_data2(identity->key, GNUTLS_SIGN_EDDSA_ED25519, 0, content,
                                               ret)
                   : GNUTLS_E_INVALID_REQUEST;
    if (content->size != HASH_SHORT)
        return GNUTLS_E_INVALID_REQUEST;
    return gnutls_privkey_sign_hash2(identity->key,
                                     identity->algorithm == GNUTLS_PK_ECDSA
                                         ? GNUTLS_SIGN_ECDSA_SECP256R1_SHA256
                                         : GNUTLS_SIGN_RSA_PSS_RSAE_SHA256,
                                     0, content, ret);
}

/* Answers one connection, which gets nothing else. */
static void serve(const struct tls_identity *identity, int connection)
{
    unsigned char bytes[CONTENT_MOST];
    ssize_t got = recv(connection, bytes, sizeof bytes, MSG_DONTWAIT);
    const gnutls_datum_t content = {.data = bytes, .size = got > 0 ? (unsigned)got : 0};
    gnutls_datum_t signature = {.data = NULL};

    if (got > 0 && sign(identity, &content, &signature) == 0)
        (void)send(connection, signature.data, signature.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    gnutls_free(signature.data);
    (void)close(connection);
}

/* The sanitizers need more system calls, and ptrace(2) at the end. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool can_lock_in = false;
#else
static const bool can_lock_in = true;
#endif

/*
 * Leaves this process what it needs for its sockets, and for memory that is not executable. Everything
 * else gets EPERM. Returns 0 or the negative of errno.
 */
static int lock_in(void)
{
    static const int allowed[] = {
        SCMP_SYS(recvmsg),       SCMP_SYS(recvfrom),   SCMP_SYS(sendto),
        SCMP_SYS(close),         SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_ctl),     SCMP_SYS(exit),       SCMP_SYS(exit_group),
        SCMP_SYS(rt_sigreturn),  SCMP_SYS(futex),      SCMP_SYS(restart_syscall),
        SCMP_SYS(brk),           SCMP_SYS(munmap),     SCMP_SYS(madvise),
        SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),  SCMP_SYS(getpid),
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int code = filter != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; code == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    if (code == 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (code == 0)
        code = seccomp_load(filter);
    seccomp_release(filter);
    return code;
}

static void send_first(int channel, char first, const void *rest, size_t length)
{
    char message[1 + TLS_CERTIFICATE_MOST];

    message[0] = first;
    memcpy(message + 1, rest, length);
    (void)send(channel, message, 1 + length, MSG_NOSIGNAL);
}

/* Adds connections that come over the channel, and serves them. */
static void run(const struct tls_identity *identity, int channel, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = channel};
    size_t count = 0; /* of connections */
    bool is_open = epoll_ctl(epoll, EPOLL_CTL_ADD, channel, &event) == 0;

    /* A session may outlive the parent, and then ask for its signature. */
    while (is_open || count > 0) {
        char byte = 0;
        int connection = -1;
        if (epoll_wait(epoll, &event, 1, -1) <= 0)
            continue;
        if (event.data.fd != channel) {
            serve(identity, event.data.fd);
            count--;
            continue;
        }
        if (passing_receive(channel, &byte, sizeof byte, &connection, 1, MSG_DONTWAIT) == 0) {
            is_open = false;
            (void)close(channel);
        }
        event = (struct epoll_event){.events = EPOLLIN, .data.fd = connection};
        if (connection >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, connection, &event) == 0)
            count++;
        else if (connection >= 0)
            (void)close(connection);
    }
}

void signer_run(int channel, const char *path, const struct tls_owner *owner)
{
    const struct rlimit none = {.rlim_cur = 0};
    struct tls_identity *identity = NULL;
    char fault[TLS_FAULT_ROOM];

    /* Before the key is there: sessions are of the same user, and could read it otherwise. */
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        (void)snprintf(fault, sizeof fault, "%s", strerror(errno));
    if (epoll < 0 || identity_open(path, owner, &identity, fault) < 0) {
        send_first(channel, FIRST_FAULT, fault, strlen(fault));
        _exit(0);
    }
    const gnutls_datum_t *certificate = &identity->certificate.cert;
    bool is_locked_in = !can_lock_in || lock_in() == 0;
    send_first(channel, is_locked_in ? FIRST_LOCKED_IN : FIRST_OPEN, certificate->data,
               certificate->size < TLS_CERTIFICATE_MOST ? certificate->size : 0);
    run(identity, channel, epoll);
    _exit(0);
}

int signer_start(int channel, const struct tls_identity *expected, int64_t until_ms,
                 struct tls_identity **ret, char fault[TLS_FAULT_ROOM])
{
    unsigned char message[1 + TLS_CERTIFICATE_MOST];
    struct pollfd polled = {.fd = channel, .events = POLLIN};
    int64_t left = 0;

    while ((left = until_ms - clock_ms()) > 0 && poll(&polled, 1, (int)left) <= 0)
        continue;
    ssize_t got = recv(channel, message, sizeof message, MSG_DONTWAIT);
    fault[0] = '\0';
    if (got > 0 && message[0] == FIRST_FAULT)
        (void)snprintf(fault, TLS_FAULT_ROOM, "%.*s", (int)got - 1, (const char *)message + 1);
    else if (got <= 1)
        (void)snprintf(fault, TLS_FAULT_ROOM, "the signer does not answer");
    if (fault[0] != '\0')
        return -REASON_INTERNAL;
    const gnutls_datum_t der = {.data = message + 1, .size = (unsigned)got - 1};
    struct tls_identity *identity = identity_import(&der, fault);
    if (identity == NULL)
        return -REASON_INTERNAL;
    if (expected != NULL && !fingerprint_is_equal(&expected->fingerprint, &identity->fingerprint)) {
        identity_close(identity);
        (void)snprintf(fault, TLS_FAULT_ROOM, "it has another key now (restart fsd to use it)");
        return -REASON_IDENTITY;
    }
    if (message[0] == FIRST_OPEN)
        (void)snprintf(fault, TLS_FAULT_ROOM, "the system does not let it lock itself in");
    *ret = identity;
    return 0;
}
