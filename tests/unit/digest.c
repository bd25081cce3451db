#include "protocol/digest.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "protocol/reason.h"
#include "tests/unit/check.h"

static const char *digest_of(const char *bytes, size_t length, size_t piece)
{
    static char text[DIGEST_ROOM];
    struct digest digest;

    digest_begin(&digest);
    for (size_t at = 0; at < length; at += piece)
        digest_add(&digest, bytes + at, length - at < piece ? length - at : piece);
    digest_finish(&digest, text);
    CHECK(strlen(text) == DIGEST_LENGTH);
    CHECK(digest_check(text, DIGEST_LENGTH) == 0);
    return text;
}

/* The examples that NIST gives for SHA-256 (FIPS 180-4). */
static const struct {
    const char *text;
    const char *digest;
} vectors[] = {
    {"", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
     "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     "sha256:cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
};

static const char million[] =
    "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void check_vectors(void)
{
    static char bytes[1000000];

    for (size_t i = 0; i < COUNT(vectors); i++) {
        size_t length = strlen(vectors[i].text);
        CHECK(strcmp(digest_of(vectors[i].text, length, 1), vectors[i].digest) == 0);
        CHECK(strcmp(digest_of(vectors[i].text, length, 1000), vectors[i].digest) == 0);
    }
    memset(bytes, 'a', sizeof bytes);
    CHECK(strcmp(digest_of(bytes, sizeof bytes, 997), million) == 0);
}

static void check_files(void)
{
    static char bytes[1000000];
    char text[DIGEST_ROOM] = "untouched";
    struct stat empty;
    struct stat full;
    int fd = memfd_create("digest", MFD_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(fstat(fd, &empty) == 0 && digest_of_file(fd, &empty, NULL, text) == 0);
    CHECK(strcmp(text, vectors[0].digest) == 0);
    memset(bytes, 'a', sizeof bytes);
    CHECK(write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
    CHECK(fstat(fd, &full) == 0 && digest_of_file(fd, &full, NULL, text) == 0);
    CHECK(strcmp(text, million) == 0);
    CHECK(lseek(fd, 0, SEEK_CUR) == (off_t)sizeof bytes);
    CHECK(digest_of_file(fd, &empty, NULL, text) == -REASON_MISMATCH);
    /* It had another mode, or fewer names, when it was looked at: that is not another file. */
    full.st_ctim.tv_sec--;
    CHECK(digest_of_file(fd, &full, NULL, text) == 0);
    full.st_mtim.tv_sec--;
    CHECK(digest_of_file(fd, &full, NULL, text) == -REASON_MISMATCH);
    (void)close(fd);
    CHECK(digest_of_file(fd, &full, NULL, text) == -REASON_INTERNAL && errno == EBADF);
}

static int check_of(const char *text)
{
    return digest_check(text, strlen(text));
}

static void check_forms(void)
{
    char text[DIGEST_ROOM];

    CHECK(check_of(vectors[0].digest) == 0);
    CHECK(digest_check(vectors[0].digest, DIGEST_LENGTH - 1) == -REASON_BAD_REQUEST);
    memcpy(text, vectors[0].digest, sizeof text);
    text[7] = 'E';
    CHECK(check_of(text) == -REASON_BAD_REQUEST);
    text[7] = 'g';
    CHECK(check_of(text) == -REASON_BAD_REQUEST);
    CHECK(check_of("") == -REASON_BAD_REQUEST && check_of("sha256") == -REASON_BAD_REQUEST);
    CHECK(check_of("sha256:") == -REASON_BAD_REQUEST && check_of(":") == -REASON_BAD_REQUEST);
    CHECK(check_of(vectors[0].digest + 7) == -REASON_BAD_REQUEST);
    CHECK(check_of("SHA256:00") == -REASON_BAD_REQUEST);
    CHECK(check_of("md5:00") == -REASON_UNSUPPORTED && check_of("x:") == -REASON_UNSUPPORTED);
    CHECK(check_of("blake2b:00") == -REASON_UNSUPPORTED);
}

static void check_hex(void)
{
    char hex[DIGEST_ROOM];
    char text[DIGEST_ROOM] = "untouched";

    memcpy(hex, vectors[0].digest + 7, sizeof hex - 7);
    hex[64] = 'a';
    hex[65] = '\0';
    CHECK(!digest_of_hex(hex, text) && !digest_of_hex(hex + 2, text) && !digest_of_hex("", text));
    CHECK(!digest_of_hex(vectors[0].digest, text));
    hex[64] = '\0';
    hex[63] = 'g';
    CHECK(!digest_of_hex(hex, text) && strcmp(text, "untouched") == 0);
    for (size_t i = 0; i < 64; i++)
        hex[i] = (char)toupper((unsigned char)vectors[0].digest[7 + i]);
    CHECK(digest_of_hex(hex, text) && strcmp(text, vectors[0].digest) == 0);
}

int main(void)
{
    check_vectors();
    check_files();
    check_forms();
    check_hex();
    return 0;
}
