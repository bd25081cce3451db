/*
 * The model "process": each connection has a process of its own. A fault in one session, or an
 * attacker who has taken it over, meets nothing of another.
 */
#include "daemon/channel.h"
#include "daemon/model.h"

static void run(int channel, int terminated, const struct service *service)
{
    int wake = service->outlives ? terminated : channel;
    struct order order;

    channel_receive(channel, &order);
    /* Nothing more comes then but the end of the channel. */
    if (order.what == ORDER_SERVE && order.connection >= 0)
        serve_connection(order.connection, order.kind, order.session, service, wake, channel);
}

const struct model model_process = {.takes_one = true, .run = run};
