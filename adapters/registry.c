/* registry.c - the table of platforms in this build, made from the one list in adapters/meson.build. */
#include "qg/adapter.h"

#include <assert.h>

#include "adapter_table.h"

#include "qg/redis.h"
#include "qg/str.h"

#define X(symbol, name) extern const struct qg_adapter qg_adapter_##symbol;
QG_ADAPTER_MAP(X)
#undef X
#define X(name) extern const struct qg_redis_script name;
QG_ADAPTER_SCRIPT_MAP(X)
#undef X

const struct qg_adapter *const qg_adapters[] = {
#define X(symbol, name) &qg_adapter_##symbol,
	QG_ADAPTER_MAP(X)
#undef X
		NULL,
};

const struct qg_redis_script *const qg_adapter_scripts[] = {
#define X(name) &name,
	QG_ADAPTER_SCRIPT_MAP(X)
#undef X
		NULL,
};

const struct qg_adapter *qg_adapter_find(const char *name)
{
	for (size_t i = 0; qg_adapters[i]; i++) {
		if (qg_str_equal(qg_adapters[i]->name, name)) {
			return qg_adapters[i];
		}
	}
	return NULL;
}

const char *qg_adapter_names(void)
{
	/* Made of literals at compile time: ", web, feishu" without its first two characters. */
#define X(symbol, name) ", " name
	static const char names[] = QG_ADAPTER_MAP(X);
#undef X
	return names + 2;
}

void qg_adapters_check(void)
{
	for (size_t i = 0; qg_adapters[i]; i++) {
		const struct qg_adapter *adapter = qg_adapters[i];
		assert(adapter->name && adapter->name[0]);
		assert(adapter->init && adapter->send && adapter->finish);
		assert(adapter->state_size > 0);
		assert(adapter->can.part_bytes >= QG_SPLIT_MIN);
		assert(adapter->can.dedupe_ms > 0);
		assert(!adapter->can.streams || adapter->draft);
		assert(!adapter->options || adapter->options_size > 0);
		assert(qg_adapter_find(adapter->name) == adapter); /* no name twice */
		(void)adapter;
	}
}
