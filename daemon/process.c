/*
 * The model "process": each connection has a process of its own. A fault in one session, or an
 * attacker who has taken it over, meets nothing of another.
 */
#include "daemon/channel.h"
#include "daemon/model.h"

static void run(const struct worker *worker)
{
    struct order order;

    channel_receive(worker->channel, &order);
    /* Nothing more comes then but the end of the channel. */
    if (order.kind == ORDER_SERVE && order.connection >= 0)
        session_serve(order.connection, order.comes, order.session, worker->service,
                      worker->channel);
}

const struct model model_process = {.takes_one = true, .run = run};
