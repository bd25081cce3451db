#include "daemon/requests/requests.h"

int quit_serve(struct session *session, const struct arguments *arguments)
{
    (void)arguments;
    session->over = true;
    return 0;
}
