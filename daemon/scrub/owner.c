#include "daemon/scrub/owner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/descriptor.h"

int owner_find(const char *library, struct owner *ret)
{
    struct stat status;
    int root = open(library, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return -1;
    int code = fstatat(root, ".fsd", &status, AT_SYMLINK_NOFOLLOW) < 0 ? fstat(root, &status) : 0;
    descriptor_close(root);
    if (code == 0)
        *ret = (struct owner){.is_other = geteuid() == 0 && status.st_uid != 0,
                              .uid = status.st_uid,
                              .gid = status.st_gid};
    return code;
}

int owner_become(const struct owner *owner)
{
    if (!owner->is_other)
        return 0;
    if (setegid(owner->gid) == 0 && seteuid(owner->uid) == 0)
        return 0;
    owner_leave(owner);
    return -1;
}

void owner_leave(const struct owner *owner)
{
    if (owner->is_other && (seteuid(0) < 0 || setegid(0) < 0))
        abort();
}
