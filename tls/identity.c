#include "tls/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "protocol/reason.h"
#include "tls/connection.h"

enum {
    FILE_LARGEST = 64 * 1024,
    RSA_BITS_FEWEST = 2048,
    EXPONENT_LONGEST = 8, /* bytes of the public exponent of RSA; it is nearly always 65537 */
    SERIAL_LENGTH = 16,
};

static int fail(int code, char fault[TLS_FAULT_ROOM], const char *text)
{
    (void)snprintf(fault, TLS_FAULT_ROOM, "%s", text);
    return code;
}

/* Does an RSA key have an exponent so long that verifying a signature takes a while? */
static bool is_slow(gnutls_pubkey_t key)
{
    gnutls_datum_t modulus = {.data = NULL};
    gnutls_datum_t exponent = {.data = NULL};
    bool is_slow =
        gnutls_pubkey_export_rsa_raw2(key, &modulus, &exponent, GNUTLS_EXPORT_FLAG_NO_LZ) < 0 ||
        exponent.size > EXPONENT_LONGEST;

    gnutls_free(modulus.data);
    gnutls_free(exponent.data);
    return is_slow;
}

const char *identity_check_key(gnutls_pubkey_t key, struct fingerprint *ret_fingerprint)
{
    unsigned bits = 0;
    int algorithm = gnutls_pubkey_get_pk_algorithm(key, &bits);
    size_t length = sizeof ret_fingerprint->bytes;
    gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

    if (algorithm == GNUTLS_PK_ECDSA &&
        (gnutls_pubkey_export_ecc_raw2(key, &curve, NULL, NULL, 0) < 0 ||
         curve != GNUTLS_ECC_CURVE_SECP256R1))
        return "on a curve other than P-256";
    if (algorithm == GNUTLS_PK_RSA && bits < RSA_BITS_FEWEST)
        return "an RSA key of less than 2048 bits";
    if (algorithm == GNUTLS_PK_RSA && is_slow(key))
        return "an RSA key with an exponent of more than 64 bits";
    if (algorithm != GNUTLS_PK_EDDSA_ED25519 && algorithm != GNUTLS_PK_ECDSA &&
        algorithm != GNUTLS_PK_RSA)
        return "neither Ed25519 nor ECDSA nor RSA";
    return gnutls_pubkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, ret_fingerprint->bytes,
                                    &length) == 0
               ? NULL
               : "not valid";
}

void identity_close(struct tls_identity *identity)
{
    if (identity == NULL)
        return;
    gnutls_pcert_deinit(&identity->certificate);
    gnutls_privkey_deinit(identity->key);
    free(identity);
}

struct fingerprint identity_fingerprint(const struct tls_identity *identity)
{
    return identity->fingerprint;
}

/* Makes the identity of a certificate. It takes over the private key, which may be NULL. */
static struct tls_identity *make_identity(gnutls_x509_crt_t certificate, gnutls_privkey_t key,
                                          char fault[TLS_FAULT_ROOM])
{
    struct tls_identity *identity = calloc(1, sizeof *identity);
    const char *wrong = "not enough memory";

    if (identity == NULL) {
        gnutls_privkey_deinit(key);
    } else {
        identity->key = key;
        int code = gnutls_pcert_import_x509(&identity->certificate, certificate, 0);
        wrong = code < 0 ? gnutls_strerror(code) : NULL;
        if (wrong == NULL) {
            gnutls_pubkey_t public = identity->certificate.pubkey;
            identity->algorithm =
                (gnutls_pk_algorithm_t)gnutls_pubkey_get_pk_algorithm(public, &identity->bits);
            wrong = identity_check_key(public, &identity->fingerprint);
        }
    }
    if (wrong == NULL)
        return identity;
    identity_close(identity);
    (void)snprintf(fault, TLS_FAULT_ROOM, "its key is not usable: %s", wrong);
    return NULL;
}

struct tls_identity *identity_import(const gnutls_datum_t *der, char fault[TLS_FAULT_ROOM])
{
    struct tls_identity *identity = NULL;
    gnutls_x509_crt_t certificate = NULL;

    if (gnutls_x509_crt_init(&certificate) == 0 &&
        gnutls_x509_crt_import(certificate, der, GNUTLS_X509_FMT_DER) == 0)
        identity = make_identity(certificate, NULL, fault);
    else
        (void)fail(0, fault, "its certificate is not valid");
    gnutls_x509_crt_deinit(certificate);
    return identity;
}

/*
 * Signs a certificate for a key with itself. Nobody looks at its content, but it has to have one, and
 * no end (RFC 5280, 4.1.2.5).
 */
static int sign_own(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
    unsigned char serial[SERIAL_LENGTH];
    int code = gnutls_x509_crt_set_version(certificate, 3);

    if (getrandom(serial, sizeof serial, 0) != (ssize_t)sizeof serial)
        return GNUTLS_E_RANDOM_FAILED;
    serial[0] &= 0x7f; /* it is a positive number... */
    serial[0] |= 0x40; /* ...of that length */
    if (code == 0)
        code = gnutls_x509_crt_set_serial(certificate, serial, sizeof serial);
    if (code == 0)
        code = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, "fsd",
                                             sizeof "fsd" - 1);
    if (code == 0)
        code = gnutls_x509_crt_set_activation_time(certificate, 1);
    if (code == 0)
        code = gnutls_x509_crt_set_expiration_time(certificate, (time_t)-1);
    if (code == 0)
        code = gnutls_x509_crt_set_key(certificate, key);
    if (code == 0)
        code = gnutls_x509_crt_sign2(certificate, certificate, key,
                                     gnutls_x509_privkey_get_pk_algorithm(key) ==
                                             GNUTLS_PK_EDDSA_ED25519
                                         ? GNUTLS_DIG_SHA512
                                         : GNUTLS_DIG_SHA256,
                                     0);
    return code;
}

/* Reads a key and its certificate from PEM, which must belong together. */
static int read_pem(const gnutls_datum_t *pem, struct tls_identity **ret,
                    char fault[TLS_FAULT_ROOM])
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    gnutls_privkey_t owned = NULL;
    struct fingerprint of_key;
    struct fingerprint of_certificate;
    size_t length = sizeof of_key.bytes;
    size_t other = sizeof of_certificate.bytes;
    const char *wrong = NULL;
    int code = gnutls_x509_privkey_init(&key);

    if (code == 0)
        code = gnutls_x509_privkey_import2(key, pem, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN);
    if (code == GNUTLS_E_DECRYPTION_FAILED || code == GNUTLS_E_PKCS1_WRONG_PAD)
        wrong = "its private key is encrypted";
    else if (code < 0)
        wrong = "there is no valid private key in it";
    if (wrong == NULL && gnutls_x509_crt_init(&certificate) < 0)
        wrong = "not enough memory";
    /* Without a certificate in the file, one is made. */
    if (wrong == NULL && memmem(pem->data, pem->size, "BEGIN CERTIFICATE", 17) == NULL)
        wrong = sign_own(certificate, key) < 0 ? "cannot make a certificate for its key" : NULL;
    else if (wrong == NULL && gnutls_x509_crt_import(certificate, pem, GNUTLS_X509_FMT_PEM) < 0)
        wrong = "its certificate is not valid";
    if (wrong == NULL &&
        (gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key.bytes, &length) < 0 ||
         gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256, of_certificate.bytes,
                                    &other) < 0 ||
         !fingerprint_is_equal(&of_key, &of_certificate)))
        wrong = "its first certificate is not that of its private key";
    if (wrong == NULL && (gnutls_privkey_init(&owned) < 0 ||
                          gnutls_privkey_import_x509(owned, key, GNUTLS_PRIVKEY_IMPORT_COPY) < 0)) {
        gnutls_privkey_deinit(owned);
        wrong = "not enough memory";
    }
    if (wrong == NULL)
        *ret = make_identity(certificate, owned, fault);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    if (wrong == NULL)
        return *ret != NULL ? 0 : -REASON_INTERNAL;
    return fail(-REASON_INTERNAL, fault, wrong);
}

/* Reads a file that only this user or root may read. */
static int read_file(const char *path, const struct tls_owner *owner, struct tls_identity **ret,
                     char fault[TLS_FAULT_ROOM])
{
    struct stat status;
    gnutls_datum_t pem = {.data = NULL};
    int code = 0;
    /* Without O_NONBLOCK, it would wait for the writer of a FIFO. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return fail(errno == ENOENT ? -REASON_NOT_FOUND : -REASON_INTERNAL, fault, strerror(errno));
    if (fstat(fd, &status) < 0)
        code = fail(-REASON_INTERNAL, fault, strerror(errno));
    else if (!S_ISREG(status.st_mode))
        code = fail(-REASON_INTERNAL, fault, "not a regular file");
    else if (status.st_uid != geteuid() && status.st_uid != 0 &&
             (owner == NULL || status.st_uid != owner->uid))
        code = fail(-REASON_DENIED, fault, "the private key belongs to another user (use chown)");
    else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        code = fail(-REASON_DENIED, fault, "others may read the private key (use chmod 600)");
    else if (status.st_size > FILE_LARGEST)
        code = fail(-REASON_INTERNAL, fault, strerror(EFBIG));
    else if ((pem.data = malloc(FILE_LARGEST)) == NULL)
        code = fail(-REASON_INTERNAL, fault, strerror(ENOMEM));
    ssize_t got = code == 0 ? read(fd, pem.data, FILE_LARGEST) : 0;
    if (got < 0)
        code = fail(-REASON_INTERNAL, fault, strerror(errno));
    (void)close(fd);
    if (code == 0) {
        pem.size = (unsigned)got;
        code = read_pem(&pem, ret, fault);
        explicit_bzero(pem.data, pem.size);
    }
    free(pem.data);
    return code;
}

/* Makes a new key, and its certificate, as PEM. The caller frees it with gnutls_free(). */
static int generate(gnutls_datum_t *ret_key, gnutls_datum_t *ret_certificate)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t certificate = NULL;
    int code = gnutls_x509_privkey_init(&key);

    if (code == 0)
        code = gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 0, 0);
    if (code == 0)
        code = gnutls_x509_crt_init(&certificate);
    if (code == 0)
        code = sign_own(certificate, key);
    if (code == 0)
        code = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
                                                 ret_key);
    if (code == 0)
        code = gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, ret_certificate);
    gnutls_x509_crt_deinit(certificate);
    gnutls_x509_privkey_deinit(key);
    return code;
}

/*
 * Makes the folders on the way to a file that are missing, for `owner`, to whom root gives nothing but
 * these. Returns 0, or -1 with errno set.
 */
static int make_folders(const char *path, const struct tls_owner *owner)
{
    char folder[PATH_MAX];

    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = folder; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        if (mkdir(folder, S_IRWXU) < 0) {
            if (errno != EEXIST)
                return -1;
            continue;
        }
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int code = fd >= 0 && geteuid() == 0 ? fchown(fd, owner->uid, owner->gid) : fd;
        if (fd >= 0)
            (void)close(fd);
        if (code < 0)
            return -1;
    }
    return 0;
}

/* Writes a new file, whole or not at all. One that is there by then stays. As make_folders(). */
static int write_new(const char *path, const gnutls_datum_t parts[2], const struct tls_owner *owner)
{
    char temporary[PATH_MAX];
    char copy[PATH_MAX];
    int code = -1;

    (void)snprintf(copy, sizeof copy, "%s", path);
    const char *folder = dirname(copy);
    if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (make_folders(path, owner) < 0)
        return -1;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return -1;
    if (write(fd, parts[0].data, parts[0].size) == (ssize_t)parts[0].size &&
        write(fd, parts[1].data, parts[1].size) == (ssize_t)parts[1].size &&
        (geteuid() != 0 || fchown(fd, owner->uid, owner->gid) == 0) && fsync(fd) == 0) {
        code = renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE);
        /* Some file systems, such as NFS, can only link. */
        if (code < 0 && errno != EEXIST)
            code = link(temporary, path);
        code = code < 0 && errno == EEXIST ? 0 : code;
    }
    int error = errno;
    (void)unlink(temporary);
    (void)close(fd);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (code == 0 && fd >= 0)
        code = fsync(fd) < 0 && errno != EINVAL ? -1 : 0;
    else
        errno = error;
    if (fd >= 0)
        (void)close(fd);
    return code;
}

int identity_open(const char *path, const struct tls_owner *owner, struct tls_identity **ret,
                  char fault[TLS_FAULT_ROOM])
{
    gnutls_datum_t parts[2] = {{.data = NULL}, {.data = NULL}};
    int code = read_file(path, owner, ret, fault);

    if (code != -REASON_NOT_FOUND || owner == NULL)
        return code;
    if (generate(&parts[0], &parts[1]) < 0)
        code = fail(-REASON_INTERNAL, fault, "cannot make a key");
    else if (write_new(path, parts, owner) < 0)
        code = fail(-REASON_INTERNAL, fault, strerror(errno));
    else
        code = read_file(path, owner, ret, fault);
    if (parts[0].data != NULL)
        gnutls_memset(parts[0].data, 0, parts[0].size);
    gnutls_free(parts[0].data);
    gnutls_free(parts[1].data);
    return code;
}
