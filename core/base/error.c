#include "core/base/error.h"

G_DEFINE_QUARK (ts - error - quark, ts_error)

gboolean
ts_throw (GError **error, TsErrorCode code, const char *format, ...)
{
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (error == NULL)
    return FALSE;
  va_list args;
  va_start (args, format);
  *error = g_error_new_valist (TS_ERROR, (gint)code, format, args);
  va_end (args);
  return FALSE;
}

gboolean
ts_throw_errno (GError **error, const char *format, ...)
{
  int number = errno; /* before anything else can change it */
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (error == NULL)
    return FALSE;
  TsErrorCode code = TS_ERROR_IO;
  if (number == ENOSPC || number == EDQUOT)
    code = TS_ERROR_FULL;
  else if (number == EAGAIN || number == EWOULDBLOCK)
    code = TS_ERROR_AGAIN;
  va_list args;
  va_start (args, format);
  g_autofree char *what = g_strdup_vprintf (format, args);
  va_end (args);
  *error = g_error_new (TS_ERROR, (gint)code, "%s: %s", what, g_strerror (number));
  errno = number;
  return FALSE;
}
