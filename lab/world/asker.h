/* lab/world/asker.h -- asks a machine of the user's own whether its service answers, from outside both
 * sites: whether a TCP port takes connections, or its guest agent answers (which only its host can ask).
 *
 * A question that is not answered in time is no answer; core/site/probe.h judges. */
#pragma once
#include "lab/world/world-internal.h"

/* NULL: this guest is not asked, its console tells. */
TsLabAsker *ts_lab_asker_new (TsLabGuest *guest);
void ts_lab_asker_free (TsLabAsker *asker); /* NULL is fine */
/* Answers come as ts_lab_guest_answered. */
void ts_lab_asker_ask (TsLabAsker *asker, guint64 number);
/* The agent's answer, or why there is none. */
void ts_lab_asker_hear (TsLabAsker *asker, guint64 number, gboolean ok, const char *reason);
/* Lets go of everything inside the site. */
void ts_lab_asker_rest (TsLabAsker *asker);
/* What became of the newest question that has failed; "" while none has. */
const char *ts_lab_asker_trouble (const TsLabAsker *asker);
