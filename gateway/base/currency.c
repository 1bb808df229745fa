/* currency.c - the currencies there are, by name and by sign.
 *
 * In this folder because rows of the ledger name them too; amounts and what tokens cost are the
 * agents' business. */
#include "qg/price.h"

#include <string.h>

const char *qg_currency_name(enum qg_currency currency)
{
	return currency == QG_USD ? "USD" : "CNY";
}

const char *qg_currency_sign(enum qg_currency currency)
{
	return currency == QG_USD ? "$" : "¥";
}

bool qg_currency_find(const char *name, enum qg_currency *out)
{
	for (int i = 0; name != NULL && i < QG_CURRENCIES; i++) {
		if (strcmp(qg_currency_name((enum qg_currency)i), name) == 0) {
			*out = (enum qg_currency)i;
			return true;
		}
	}
	return false;
}
