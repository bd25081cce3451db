#include "tls/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/clock.h"
#include "protocol/passing.h"
#include "tests/unit/check.h"

extern const struct tls tls_module;

static const struct tls *const tls = &tls_module;
static const struct stream_limits no_limits;
static char fault[TLS_FAULT_ROOM];

static int64_t soon(void)
{
    return clock_ms() + 20000;
}

/* A client, and the key that its server should have. */
struct party {
    const struct tls_identity *identity;
    struct fingerprint trusted;
    bool is_prepared;
};

static int prepare(void *context, const struct tls_identity **ret)
{
    struct party *party = context;

    CHECK(!party->is_prepared);
    party->is_prepared = true;
    *ret = party->identity;
    return 0;
}

static bool trust(void *context, const struct fingerprint *key)
{
    const struct party *party = context;

    CHECK(party->is_prepared);
    return fingerprint_is_equal(&party->trusted, key);
}

/* A client that cannot be one after all. */
static int refuse(void *context, const struct tls_identity **ret)
{
    (void)context;
    (void)ret;
    return -REASON_USAGE;
}

/* One end of a connection in a child: answers a line as a server whose key the signer has. */
static void serve(int fd, const struct tls_identity *identity, int signer,
                  const struct tls_identity *client)
{
    struct tls_connection *connection = NULL;
    struct tls_peer peer;
    struct stream stream;
    const char *line = NULL;
    size_t length = 0;

    int code = tls->accept(fd, identity, signer, -1, soon(), &connection, &peer, fault);
    if (code < 0)
        _exit(-code);
    CHECK(peer.has_key == (client != NULL));
    if (client != NULL) {
        struct fingerprint key = tls->identity_fingerprint(client);
        CHECK(fingerprint_is_equal(&peer.key, &key));
    }
    CHECK(stream_open(&stream, tls->transport, connection, fd, fd, &no_limits) == 0);
    CHECK(stream_line(&stream, &line, &length) == 0 && length == 5 &&
          memcmp(line, "HELLO", 5) == 0);
    CHECK(stream_print(&stream, "OK\n") == 0 && stream_flush(&stream) == 0);
    CHECK(stream_line(&stream, &line, &length) == -REASON_LOST);
    stream_close(&stream);
    _exit(0);
}

/* Connects both sides. Returns the client's result; `*ret_served` becomes that of the server. */
static int converse(int channel, const struct tls_identity *server,
                    const struct tls_identity *client, bool is_trusted, int *ret_served)
{
    struct tls_connection *connection = NULL;
    struct party party = {.identity = client, .trusted = tls->identity_fingerprint(server)};
    struct fingerprint key = {.bytes = {0}};
    struct stream stream;
    const char *line = NULL;
    size_t length = 0;
    char byte = 0;
    int status = 0;
    int ends[2];
    int signer[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, signer) == 0);
    CHECK(passing_send(channel, &byte, sizeof byte, &signer[1], 1, 0) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        serve(ends[1], server, signer[0], client);
    }
    (void)close(ends[1]);
    (void)close(signer[0]);
    (void)close(signer[1]);
    if (!is_trusted)
        party.trusted.bytes[0] ^= 1;
    int code = tls->connect(ends[0], prepare, trust, &party, soon(), &connection, &key, fault);
    if (code == 0) {
        CHECK(fingerprint_is_equal(&key, &party.trusted));
        CHECK(stream_open(&stream, tls->transport, connection, ends[0], ends[0], &no_limits) == 0);
        CHECK(stream_print(&stream, "HELLO\n") == 0 && stream_flush(&stream) == 0);
        CHECK(stream_line(&stream, &line, &length) == 0 && length == 2);
        stream_close(&stream);
    } else {
        (void)close(ends[0]);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    *ret_served = -WEXITSTATUS(status);
    return code;
}

int main(void)
{
    const struct tls_owner owner = {.uid = geteuid(), .gid = getegid()};
    struct tls_identity *server = NULL;
    struct tls_identity *client = NULL;
    struct tls_identity *again = NULL;
    const char *temporary = getenv("TMPDIR");
    char folder[256];
    char server_file[300];
    char client_file[300];
    struct stat status;
    int channel[4]; /* and another pair */
    int served = 0;

    (void)snprintf(folder, sizeof folder, "%s/tls.XXXXXX", temporary != NULL ? temporary : "/tmp");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(server_file, sizeof server_file, "%s/server/identity.pem", folder);
    (void)snprintf(client_file, sizeof client_file, "%s/new/client/identity.pem", folder);
    CHECK(tls->init() == 0);

    /* Identities are made once, for nobody else to read. */
    CHECK(tls->identity_open(client_file, NULL, &client, fault) == -REASON_NOT_FOUND);
    CHECK(tls->identity_open(client_file, &owner, &client, fault) == 0);
    CHECK(stat(client_file, &status) == 0 && (status.st_mode & ALLPERMS) == 0600);
    CHECK(tls->identity_open(client_file, &owner, &again, fault) == 0);
    struct fingerprint key = tls->identity_fingerprint(client);
    struct fingerprint same = tls->identity_fingerprint(again);
    CHECK(fingerprint_is_equal(&key, &same));
    tls->identity_close(again);
    CHECK(chmod(client_file, 0640) == 0);
    CHECK(tls->identity_open(client_file, &owner, &again, fault) == -REASON_DENIED);
    CHECK(strcmp(fault, "others may read the private key (use chmod 600)") == 0);

    /* The signer has the key of the server. */
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel) == 0);
    pid_t signer = fork();
    if (signer == 0) {
        (void)close(channel[0]);
        tls->signer_run(channel[1], server_file, &owner);
    }
    (void)close(channel[1]);
    CHECK(tls->signer_start(channel[0], NULL, soon(), &server, fault) == 0 && fault[0] == '\0');
    CHECK(tls->signer_can_check(server));

    CHECK(converse(channel[0], server, client, true, &served) == 0 && served == 0);
    CHECK(converse(channel[0], server, NULL, true, &served) == 0 && served == 0);
    /* A client that does not trust the server ends before it shows its key. */
    CHECK(converse(channel[0], server, client, false, &served) == -REASON_IDENTITY);
    CHECK(served == -REASON_LOST);

    /* What a client cannot prepare ends its handshake. */
    struct tls_connection *none = NULL;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, channel + 2) == 0);
    CHECK(tls->connect(channel[2], refuse, trust, NULL, soon(), &none, &key, fault) ==
          -REASON_USAGE);
    (void)close(channel[2]);
    (void)close(channel[3]);

    (void)close(channel[0]);
    CHECK(waitpid(signer, &served, 0) == signer && served == 0);
    tls->identity_close(server);
    tls->identity_close(client);
    CHECK(unlink(client_file) == 0 && unlink(server_file) == 0);
    *strrchr(client_file, '/') = *strrchr(server_file, '/') = '\0';
    CHECK(rmdir(client_file) == 0 && rmdir(server_file) == 0);
    *strrchr(client_file, '/') = '\0';
    CHECK(rmdir(client_file) == 0 && rmdir(folder) == 0);
    return 0;
}
