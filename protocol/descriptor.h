/*
 * Descriptors: closing them, and the standard ones, which a program may find closed at its start.
 */
#ifndef PROTOCOL_DESCRIPTOR_H
#define PROTOCOL_DESCRIPTOR_H

/*
 * Takes the places of standard descriptors that are closed, so that no other file gets their
 * numbers: reading from them, or writing to them, goes on failing with EBADF. To be called first of
 * all.
 */
void descriptor_reserve_standard(void);

/* close(2); -1 is let be, and errno stays as it is. */
void descriptor_close(int fd);

#endif
