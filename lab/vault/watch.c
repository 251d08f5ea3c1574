/* lab/vault/watch.c -- see watch.h. */
#include "lab/vault/watch.h"
#include <string.h>
#include "lab/vault/door.h"
#include "lab/vault/json.h"

#define GATHER_MS 100
#define BEAT_S 15
#define UNSENT_MAX 64       /* pieces; who has not read so many is let go */
#define PATHS_MAX 200       /* in one event; more: "everything" */

typedef struct {
  TsLabWatch *watch;
  SoupServerMessage *message;
  guint unsent;
} Watcher;

struct _TsLabWatch {
  char *vault;
  guint most;
  GPtrArray *watchers;
  GPtrArray *paths; /* changed, not told yet; in order */
  GHashTable *known;
  guint gathering, beating; /* sources */
};

static void
say (Watcher *watcher, const char *text)
{
  SoupMessageBody *body = soup_server_message_get_response_body (watcher->message);
  soup_message_body_append (body, SOUP_MEMORY_COPY, text, strlen (text));
  watcher->unsent++;
  soup_server_message_unpause (watcher->message);
}

static void
let_go (Watcher *watcher)
{
  ts_lab_door_throw_out (watcher->message);
}

static void
say_all (TsLabWatch *watch, const char *text)
{
  for (guint i = 0; i < watch->watchers->len; i++) {
    Watcher *watcher = watch->watchers->pdata[i];
    if (watcher->unsent >= UNSENT_MAX)
      let_go (watcher);
    else
      say (watcher, text);
  }
}

static gboolean
beat (gpointer data)
{
  say_all (data, ": beat\n\n");
  return G_SOURCE_CONTINUE;
}

static gboolean
tell (gpointer data)
{
  TsLabWatch *watch = data;
  g_autoptr (GString) text = g_string_new ("event: changed\ndata: {\"paths\": [");
  if (watch->paths->len > PATHS_MAX)
    g_string_append (text, "\"\""); /* everything lies below that */
  else
    for (guint i = 0; i < watch->paths->len; i++) {
      g_string_append (text, i > 0 ? ", " : "");
      ts_json_append_text (text, watch->paths->pdata[i]);
    }
  g_string_append (text, "]}\n\n");
  g_hash_table_remove_all (watch->known);
  g_ptr_array_set_size (watch->paths, 0);
  watch->gathering = 0;
  say_all (watch, text->str);
  return G_SOURCE_REMOVE;
}

void
ts_lab_watch_changed (TsLabWatch *watch, const char *path)
{
  if (watch->watchers->len == 0 || watch->paths->len > PATHS_MAX ||
      g_hash_table_contains (watch->known, path))
    return;
  char *copy = g_strdup (path);
  g_ptr_array_add (watch->paths, copy);
  g_hash_table_add (watch->known, copy);
  if (!watch->gathering)
    watch->gathering = g_timeout_add (GATHER_MS, tell, watch);
}

static void
wrote (SoupServerMessage *message, gpointer data)
{
  Watcher *watcher = data;
  if (watcher->unsent > 0)
    watcher->unsent--;
}

static void
finished (SoupServerMessage *message, gpointer data)
{
  Watcher *watcher = data;
  if (watcher->watch)
    g_ptr_array_remove (watcher->watch->watchers, watcher);
}

static void
watcher_free (gpointer data)
{
  Watcher *watcher = data;
  g_signal_handlers_disconnect_by_data (watcher->message, watcher);
  g_object_unref (watcher->message);
  g_free (watcher);
}

gboolean
ts_lab_watch_add (TsLabWatch *watch, SoupServerMessage *message)
{
  if (watch->watchers->len >= watch->most)
    return FALSE;
  Watcher *watcher = g_new0 (Watcher, 1);
  watcher->watch = watch;
  watcher->message = g_object_ref (message);
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (message);
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_message_headers_set_content_type (headers, "text/event-stream", NULL);
  soup_message_headers_set_encoding (headers, SOUP_ENCODING_CHUNKED);
  soup_message_body_set_accumulate (soup_server_message_get_response_body (message), FALSE);
  g_signal_connect (message, "wrote-chunk", G_CALLBACK (wrote), watcher);
  g_signal_connect (message, "finished", G_CALLBACK (finished), watcher);
  g_ptr_array_add (watch->watchers, watcher);
  g_autoptr (GString) hello = g_string_new ("retry: 2000\nevent: hello\ndata: {\"vault\": ");
  ts_json_append_text (hello, watch->vault);
  g_string_append (hello, "}\n\n");
  say (watcher, hello->str);
  return TRUE;
}

guint
ts_lab_watch_count (const TsLabWatch *watch)
{
  return watch->watchers->len;
}

TsLabWatch *
ts_lab_watch_new (const char *vault, guint most)
{
  TsLabWatch *watch = g_new0 (TsLabWatch, 1);
  watch->vault = g_strdup (vault);
  watch->most = most;
  watch->watchers = g_ptr_array_new_with_free_func (watcher_free);
  watch->paths = g_ptr_array_new_with_free_func (g_free);
  watch->known = g_hash_table_new (g_str_hash, g_str_equal);
  watch->beating = g_timeout_add_seconds (BEAT_S, beat, watch);
  return watch;
}

void
ts_lab_watch_free (TsLabWatch *watch)
{
  if (!watch)
    return;
  g_source_remove (watch->beating);
  if (watch->gathering)
    g_source_remove (watch->gathering);
  g_clear_pointer (&watch->watchers, g_ptr_array_unref);
  g_hash_table_unref (watch->known);
  g_ptr_array_unref (watch->paths);
  g_free (watch->vault);
  g_free (watch);
}
