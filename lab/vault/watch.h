/* lab/vault/watch.h -- who watches what changes: server-sent events, GET /events.
 *
 *   event: hello     data: {"vault": NAME}           once, at first
 *   event: changed   data: {"paths": [PATH, ...]}    resources to look at again; at most ten a second
 *   : beat           every 15 s, so that either side notices that the other is gone
 *
 * What a watcher misses (it was not connected, or too slow and let go) is not told again: after hello
 * it looks at everything once. */
#pragma once
#include <libsoup/soup.h>

typedef struct _TsLabWatch TsLabWatch;
TsLabWatch *ts_lab_watch_new (const char *vault, guint most) G_GNUC_WARN_UNUSED_RESULT;
void ts_lab_watch_free (TsLabWatch *watch);
/* FALSE: there are too many; message is untouched. */
gboolean ts_lab_watch_add (TsLabWatch *watch, SoupServerMessage *message);
void ts_lab_watch_changed (TsLabWatch *watch, const char *path);
guint ts_lab_watch_count (const TsLabWatch *watch);
