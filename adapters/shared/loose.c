/* loose.c - reads members of JSON that a platform writes now this way, now that. */
#include "loose.h"

#include "qg/str.h"

#define REAL_MOST 1e15 /* beyond it a double holds no whole numbers for sure */

int64_t qg_loose_int(const json_t *value)
{
	int64_t number = 0;
	if (json_is_integer(value)) {
		return json_integer_value(value);
	}
	if (json_is_real(value)) {
		double real = json_real_value(value);
		return real > -REAL_MOST && real < REAL_MOST ? (int64_t)real : 0;
	}
	const char *text = json_string_value(value);
	return text && qg_str_to_int64(text, INT64_MIN, INT64_MAX, &number) ? number : 0;
}
