#include "daemon/rights.h"

#include <stddef.h>

const char *const right_words[] = {"list",   "get",   "put",    "replace",
                                   "delete", "watch", "status", NULL};
