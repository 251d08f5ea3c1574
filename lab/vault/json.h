/* lab/vault/json.h -- what a vault is asked and answers, as JSON text.
 *
 * JSON (RFC 8259) to a GVariant of the kinds that core/vault/request.h names, and back: object a{sv},
 * array av, string s, true and false b, number x.  Stricter than JSON where a lenient reader would
 * guess: a name twice in an object, a number that is no whole one of 64 bits, null, and what is
 * nested deeper than 16 are refused; so is what is not UTF-8, and anything behind the end. */
#pragma once
#include <glib.h>

#define TS_JSON_DEPTH_MAX 16

/* An object.  TS_ERROR_FORMAT says where: "line 2, column 17: ...". */
GVariant *ts_json_parse (const char *text, gsize len_bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* On one line, or with two spaces an indent.  value: of those kinds; also i, u, t and arrays and dictionaries of them. */
char *ts_json_format (GVariant *value, gboolean indent) G_GNUC_WARN_UNUSED_RESULT;
/* Appends text as a JSON string. */
void ts_json_append_text (GString *out, const char *text);
