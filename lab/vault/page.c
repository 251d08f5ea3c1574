/* lab/vault/page.c -- see page.h. */
#include "lab/vault/page.h"
#include <string.h>
#include "lab/vault/json.h"
#include "vault/icon-text.h"
#include "vault/page-text.h"
#include "vault/script-text.h"
#include "vault/style-text.h"
#include "vault/view-text.h"

static const struct {
  const char *path, *type, *text;
  gsize len_bytes;
} files[] = {
    {"/", "text/html; charset=utf-8", page_text, sizeof page_text - 1},
    {"/portal.css", "text/css; charset=utf-8", style_text, sizeof style_text - 1},
    {"/portal.js", "text/javascript; charset=utf-8", script_text, sizeof script_text - 1},
    {"/view.js", "text/javascript; charset=utf-8", view_text, sizeof view_text - 1},
    {"/icon.svg", "image/svg+xml", icon_text, sizeof icon_text - 1},
};

gboolean
ts_lab_page_find (const char *path, const char **type, const char **text, gsize *len_bytes)
{
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (g_str_equal (files[i].path, path)) {
      *type = files[i].type;
      *text = files[i].text;
      *len_bytes = files[i].len_bytes;
      return TRUE;
    }
  return FALSE;
}

void
ts_lab_page_headers (SoupServerMessage *message)
{
  static const char *const headers[][2] = {
      {"Cache-Control", "no-store"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      /* nothing from anywhere else, nothing inline, no form that leaves */
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
       "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
  };
  SoupMessageHeaders *out = soup_server_message_get_response_headers (message);
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    soup_message_headers_replace (out, headers[i][0], headers[i][1]);
}

void
ts_lab_page_json (SoupServerMessage *message, guint status, GVariant *body)
{
  char *text = ts_json_format (body, TRUE);
  soup_server_message_set_status (message, status, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_TAKE, text,
                                    strlen (text));
}

void
ts_lab_page_error (SoupServerMessage *message, guint status, const char *code, const char *format,
                   ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *text = g_strdup_vprintf (format, args);
  va_end (args);
  GVariantDict error, body;
  g_variant_dict_init (&error, NULL);
  g_variant_dict_insert (&error, "code", "s", code);
  g_variant_dict_insert (&error, "message", "s", text);
  g_variant_dict_init (&body, NULL);
  g_variant_dict_insert_value (&body, "error", g_variant_dict_end (&error));
  g_autoptr (GVariant) whole = g_variant_ref_sink (g_variant_dict_end (&body));
  ts_lab_page_json (message, status, whole);
}
