/* lab/vault/page.h -- what the server says by itself: the portal's files, errors, headers. */
#pragma once
#include <libsoup/soup.h>

/* The portal's file of that path ("/portal.css"; "/": the page); FALSE: there is none. */
gboolean ts_lab_page_find (const char *path, const char **type, const char **text, gsize *len_bytes);

/* What every answer carries: nobody caches, frames or guesses. */
void ts_lab_page_headers (SoupServerMessage *message);
/* Sets status and body; indent: for a person's terminal. */
void ts_lab_page_json (SoupServerMessage *message, guint status, GVariant *body);
/* An error as the vault's are: {"error": {"code", "message", ...}}. */
void ts_lab_page_error (SoupServerMessage *message, guint status, const char *code,
                        const char *format, ...) G_GNUC_PRINTF (4, 5);
