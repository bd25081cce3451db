/*
 * The standard descriptors, 0 to 2, which a program may find closed at its start.
 */
#ifndef PROTOCOL_STANDARD_H
#define PROTOCOL_STANDARD_H

/*
 * Takes the places of standard descriptors that are closed, so that no other file gets their
 * numbers: reading from them, or writing to them, goes on failing with EBADF. To be called first of
 * all.
 */
void standard_reserve(void);

#endif
