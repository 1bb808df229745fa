/* vectors.c - loads and reads the files that tests name. */
#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>

char *vector_load(const char *name, size_t *size_out)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s", QG_VECTORS, name);
	FILE *file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s", path);
	fseek(file, 0, SEEK_END);
	size_t size = (size_t)ftell(file);
	rewind(file);
	char *data = malloc(size > 0 ? size : 1);
	ck_assert_uint_eq(fread(data, 1, size, file), size);
	fclose(file);
	*size_out = size;
	return data;
}

enum qg_status vector_read(const char *word, const char *name, struct document_out *out)
{
	size_t size;
	char *data = vector_load(name, &size);
	document_out_init(out);
	enum qg_status status = document_read_as(word, data, size, out);
	free(data);
	return status;
}

int vectors_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
