/*
 * Memory: what a process that serves may take of it.
 */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stdint.h>

/*
 * The bytes of data that this process has, as RLIMIT_DATA counts them (setrlimit(2); proc(5),
 * statm); -1 when that is not known.
 */
int64_t memory_in_use(void);

/*
 * Lets this process have `bytes` more than `in_use`, for good. Nothing is limited when `in_use` is
 * -1, or when there is a lower limit already.
 */
void memory_limit(int64_t in_use, int64_t bytes);

#endif
