/*
 * Sweeping: removing what uploads have left behind that will never be finished.
 */
#ifndef STORE_SWEEP_H
#define STORE_SWEEP_H

#include <stdint.h>

#include "daemon/store/library.h"

/*
 * Removes the stages that nobody holds a lock of and whose last byte came more than `age_ms`
 * milliseconds ago, and returns how many they were. Any number of processes may sweep at once, and
 * others may make, write and resume stages meanwhile.
 */
uint64_t sweep_run(const struct library *library, int64_t age_ms);

#endif
