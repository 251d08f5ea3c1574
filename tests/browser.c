/* tests/browser.c -- see browser.h. */
#include "tests/browser.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <json-glib/json-glib.h>
#include <libsoup/soup.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "lab/site/layout.h"

struct _Browser {
  char *folder, *base, *session;
  GPid driver;
  SoupSession *http;
};

char *
browser_refusal (void)
{
  g_autofree char *driver = g_find_program_in_path ("chromedriver");
  g_autofree char *chromium = g_find_program_in_path ("chromium");
  if (driver && chromium)
    return NULL;
  return g_strdup_printf ("%s is not installed (Debian package %s)", driver ? "chromium" : "chromedriver",
                          driver ? "chromium" : "chromium-driver");
}

/* The answer's "value"; the caller's node.  NULL: an error, with its text in *refused; without refused
 * an error fails the test. */
static JsonNode *
call_or (Browser *b, const char *method, const char *path, const char *body, char **refused)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *url = g_strconcat (b->base, path, NULL);
  g_autoptr (SoupMessage) message = soup_message_new (method, url);
  if (body) {
    g_autoptr (GBytes) bytes = g_bytes_new (body, strlen (body));
    soup_message_set_request_body_from_bytes (message, "application/json", bytes);
  }
  g_autoptr (GBytes) answer = soup_session_send_and_read (b->http, message, NULL, &error);
  if (!answer)
    fail_msg ("%s %s: %s", method, path, error->message);
  gsize len;
  const char *text = g_bytes_get_data (answer, &len);
  g_autoptr (JsonParser) parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, text, (gssize)len, &error))
    fail_msg ("%s %s: %s", method, path, error->message);
  if (soup_message_get_status (message) != 200 && refused) {
    *refused = g_strndup (text, MIN (len, 1500));
    return NULL;
  }
  if (soup_message_get_status (message) != 200)
    fail_msg ("%s %s: %.*s", method, path, (int)MIN (len, 1500), text);
  JsonObject *object = json_node_get_object (json_parser_get_root (parser));
  return json_node_copy (json_object_get_member (object, "value"));
}

static JsonNode *
call (Browser *b, const char *method, const char *path, const char *body)
{
  return call_or (b, method, path, body, NULL);
}

static char *
quoted (const char *text)
{
  g_autoptr (JsonNode) node = json_node_init_string (json_node_alloc (), text);
  return json_to_string (node, FALSE);
}

static void
set_up_child (gpointer user)
{
  setpgid (0, 0); /* the browser goes with its driver */
  prctl (PR_SET_PDEATHSIG, SIGTERM); /* timeout(1) hands it on to the whole group */
}

static void
start_driver (Browser *b)
{
  /* Whatever becomes of this test, no browser stays. */
  const char *argv[] = {"timeout", "-k", "5", "600", "chromedriver", "--port=0", NULL};
  /* What Chromium leaves in the folder for temporary files goes with ours. */
  g_auto (GStrv) environment = g_environ_setenv (g_get_environ (), "TMPDIR", b->folder, TRUE);
  g_autoptr (GError) error = NULL;
  int out;
  if (!g_spawn_async_with_pipes (b->folder, (char **)argv, environment, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                     G_SPAWN_STDERR_TO_DEV_NULL, /* or who reads ours waits for the browser */
                                 set_up_child, NULL, &b->driver, NULL, &out, NULL, &error))
    fail_msg ("%s", error->message);
  g_autoptr (GString) said = g_string_new (NULL);
  char c;
  while (!g_str_has_suffix (said->str, "successfully on port ") && read (out, &c, 1) == 1)
    g_string_append_c (said, c);
  g_string_truncate (said, 0);
  while (read (out, &c, 1) == 1 && g_ascii_isdigit (c))
    g_string_append_c (said, c);
  if (said->len == 0)
    fail_msg ("chromedriver does not say its port");
  b->base = g_strdup_printf ("http://127.0.0.1:%s", said->str);
}

Browser *
browser_new (guint width, guint height)
{
  Browser *b = g_new0 (Browser, 1);
  b->folder = g_dir_make_tmp ("ts-browser-XXXXXX", NULL);
  b->http = soup_session_new_with_options ("timeout", 120, NULL);
  soup_session_set_proxy_resolver (b->http, NULL);
  start_driver (b);
  g_autofree char *size = g_strdup_printf ("--window-size=%u,%u", width, height);
  g_autofree char *data = g_strconcat ("--user-data-dir=", b->folder, "/profile", NULL);
  const char *const flags[] = {"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                               "--disable-background-networking", "--disable-component-update",
                               "--disable-sync", "--disable-dev-shm-usage", "--no-proxy-server", size, data};
  g_autoptr (GString) body = g_string_new (
      "{\"capabilities\":{\"alwaysMatch\":{\"goog:loggingPrefs\":{\"browser\":\"ALL\"},\"goog:chromeOptions\":{\"args\":[");
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++) {
    g_autofree char *flag = quoted (flags[i]);
    g_string_append_printf (body, "%s%s", i > 0 ? "," : "", flag);
  }
  g_string_append (body, "]}}}}");
  g_autoptr (JsonNode) value = call (b, "POST", "/session", body->str);
  b->session = g_strconcat ("/session/", json_object_get_string_member (json_node_get_object (value), "sessionId"), NULL);
  return b;
}

void
browser_free (Browser *b)
{
  if (!b)
    return;
  kill (-b->driver, SIGKILL);
  waitpid (b->driver, NULL, 0);
  g_usleep (300000); /* the browser's last processes let go of the folder */
  ts_lab_remove_tree (b->folder, NULL);
  g_object_unref (b->http);
  g_free (b->folder);
  g_free (b->base);
  g_free (b->session);
  g_free (b);
}

static JsonNode *
in_session (Browser *b, const char *method, const char *path, const char *body)
{
  g_autofree char *full = g_strconcat (b->session, path, NULL);
  return call (b, method, full, body);
}

void
browser_open (Browser *b, const char *url)
{
  g_autofree char *text = quoted (url);
  g_autofree char *body = g_strdup_printf ("{\"url\":%s}", text);
  json_node_unref (in_session (b, "POST", "/url", body));
}

char *
browser_run (Browser *b, const char *script)
{
  g_autofree char *text = quoted (script);
  g_autofree char *body = g_strdup_printf ("{\"script\":%s,\"args\":[]}", text);
  g_autoptr (JsonNode) value = in_session (b, "POST", "/execute/sync", body);
  return json_to_string (value, FALSE);
}

void
browser_wait (Browser *b, const char *expression, guint timeout_s)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_s * G_USEC_PER_SEC;
  g_autofree char *script = g_strdup_printf ("return !!(%s)", expression);
  for (;;) {
    g_autofree char *is = browser_run (b, script);
    if (g_str_equal (is, "true"))
      return;
    if (g_get_monotonic_time () > deadline_us)
      break;
    g_usleep (200000);
  }
  g_autofree char *page = browser_run (b, "return document.body.innerText");
  g_autofree char *complaints = browser_complaints (b);
  fail_msg ("not within %u s: %s\nthe page says: %s\nthe console says: %s", timeout_s, expression, page, complaints);
}

void
browser_click (Browser *b, const char *selector)
{
  g_autofree char *text = quoted (selector);
  g_autofree char *there = g_strdup_printf ("document.querySelector(%s) && !document.querySelector(%s).disabled", text, text);
  browser_wait (b, there, 60);
  g_autofree char *body = g_strdup_printf ("{\"using\":\"css selector\",\"value\":%s}", text);
  g_autofree char *find = g_strconcat (b->session, "/element", NULL);
  g_autofree char *refused = NULL;
  for (guint try = 0; try < 50; try++) { /* the page draws itself anew when something changes */
    g_clear_pointer (&refused, g_free);
    g_autoptr (JsonNode) found = call_or (b, "POST", find, body, &refused);
    if (found) {
      JsonObject *element = json_node_get_object (found);
      g_autoptr (GList) names = json_object_get_members (element);
      g_autofree char *path = g_strdup_printf ("%s/element/%s/click", b->session,
                                               json_object_get_string_member (element, names->data));
      g_autoptr (JsonNode) clicked = call_or (b, "POST", path, "{}", &refused);
      if (clicked)
        return;
    }
    g_usleep (200000);
  }
  fail_msg ("%s cannot be clicked: %s", selector, refused);
}

void
browser_keys (Browser *b, const char *keys)
{
  g_autoptr (GString) body = g_string_new ("{\"actions\":[{\"type\":\"key\",\"id\":\"k\",\"actions\":[");
  for (const char *c = keys; *c; c = g_utf8_next_char (c)) {
    g_autofree char *one = g_strndup (c, (gsize)(g_utf8_next_char (c) - c));
    g_autofree char *text = quoted (one);
    g_string_append_printf (body, "%s{\"type\":\"keyDown\",\"value\":%s},{\"type\":\"keyUp\",\"value\":%s}",
                            c > keys ? "," : "", text, text);
  }
  g_string_append (body, "]}]}");
  json_node_unref (in_session (b, "POST", "/actions", body->str));
}

void
browser_picture (Browser *b, const char *path)
{
  g_autoptr (JsonNode) value = in_session (b, "GET", "/screenshot", NULL);
  gsize len;
  g_autofree guchar *png = g_base64_decode (json_node_get_string (value), &len);
  g_file_set_contents (path, (const char *)png, (gssize)len, NULL);
}

char *
browser_complaints (Browser *b)
{
  g_autoptr (JsonNode) value = in_session (b, "POST", "/se/log", "{\"type\":\"browser\"}");
  JsonArray *entries = json_node_get_array (value);
  GString *all = g_string_new (NULL);
  for (guint i = 0; i < json_array_get_length (entries); i++)
    g_string_append_printf (all, "%s\n",
                            json_object_get_string_member (json_array_get_object_element (entries, i), "message"));
  return g_string_free (all, FALSE);
}
