#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings/control.h"
#include "tls/tls.h"

/*
 * Writes the path of the module beside the program, as in a folder where it was built. Returns false
 * if there is none, or somebody else could have put it there.
 */
static bool find_beside(char path[PATH_MAX])
{
    static const char name[] = "tls.so";
    struct control control;
    struct stat status;
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);

    if (length <= 0)
        return false;
    path[length] = '\0';
    char *last = strrchr(path, '/') + 1;
    if ((size_t)(last - path) + sizeof name > PATH_MAX)
        return false;
    memcpy(last, name, sizeof name);
    if (stat(path, &status) < 0 || !control_is_ours(&status) || control_is_shared(path, &status))
        return false;
    control_find(&control, path);
    return control.kind == CONTROL_OURS;
}

/* So that GnuTLS depends on nothing but its caller, while it is loaded and later. */
static void clean_environment(void)
{
    static const char *const prefixes[] = {"GNUTLS_", "SSLKEYLOGFILE=", "NETTLE_", "P11_KIT_"};
    size_t kept = 0;

    for (size_t i = 0; environ != NULL && environ[i] != NULL; i++) {
        bool is_foreign = false;
        for (size_t j = 0; j < sizeof prefixes / sizeof prefixes[0]; j++)
            is_foreign = is_foreign || strncmp(environ[i], prefixes[j], strlen(prefixes[j])) == 0;
        if (!is_foreign)
            environ[kept++] = environ[i];
    }
    if (environ != NULL)
        environ[kept] = NULL;
}

const struct tls *tls_load(char fault[TLS_FAULT_ROOM])
{
    static const struct tls *loaded;
    char path[PATH_MAX];

    if (loaded != NULL)
        return loaded;
    clean_environment();
    /* Otherwise, the system's file would say which versions, groups and signatures there are. */
    (void)setenv("GNUTLS_SYSTEM_PRIORITY_FILE", "/dev/null", 1);
    void *module = dlopen(find_beside(path) ? path : TLS_MODULE, RTLD_NOW | RTLD_LOCAL);
    const struct tls *tls = module != NULL ? dlsym(module, "tls_module") : NULL;
    if (tls == NULL)
        (void)snprintf(fault, TLS_FAULT_ROOM, "%s", dlerror());
    else if (strcmp(tls->version, FSD_VERSION) != 0)
        (void)snprintf(fault, TLS_FAULT_ROOM, "its module is of version %s, the program of %s",
                       tls->version, FSD_VERSION);
    else if (tls->init() < 0)
        (void)snprintf(fault, TLS_FAULT_ROOM, "GnuTLS lacks what is needed");
    else
        loaded = tls;
    /* Not for commands that this process starts. */
    (void)unsetenv("GNUTLS_SYSTEM_PRIORITY_FILE");
    return loaded;
}
