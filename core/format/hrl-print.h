/* core/format/hrl-print.h -- a replica log as text, for `twinsite hrl FILE`. */
#pragma once
#include "core/format/hrl.h"

/* Header, writes and verdict, in lines that end with a line feed; at most max_entries writes (the
 * first ones) are listed.  *valid (if not NULL): whether ts_hrl_open accepts the log; if not, the
 * last line says why.  Never fails: what cannot be read is not shown. */
char *ts_hrl_describe (GBytes *bytes, guint64 max_entries,
                       gboolean *valid) G_GNUC_WARN_UNUSED_RESULT;
