/*
 * Rights: what a client may be allowed to do.
 */
#ifndef DAEMON_RIGHTS_H
#define DAEMON_RIGHTS_H

/* Bits: the places of their words. */
enum right {
    RIGHT_LIST = 1 << 0,
    RIGHT_GET = 1 << 1,
    RIGHT_PUT = 1 << 2,
    RIGHT_REPLACE = 1 << 3,
    RIGHT_DELETE = 1 << 4,
    RIGHT_WATCH = 1 << 5,
    RIGHT_STATUS = 1 << 6,
    RIGHTS_ALL = RIGHT_LIST | RIGHT_GET | RIGHT_PUT | RIGHT_REPLACE | RIGHT_DELETE | RIGHT_WATCH |
                 RIGHT_STATUS,
};

/* The words of the rights, closed by NULL. */
extern const char *const right_words[];

#endif
