/* replay.c - stands in for libFuzzer: gives a fuzz target every file of the folders named, and says
 * how many.
 *
 * So each corpus, and each crash that was ever found and kept in it, is an ordinary test of every
 * build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_LIMIT 4096
#define INPUT_LIMIT ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 for a file that was replayed. A copy of just its size lets a sanitizer see every byte read
 * beyond it. */
static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	char *read = malloc(INPUT_LIMIT);
	size_t size = read ? fread(read, 1, INPUT_LIMIT, file) : 0;
	uint8_t *data = malloc(size > 0 ? size : 1);
	if (!read || !data || ferror(file)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(EXIT_FAILURE);
	}
	memcpy(data, read, size);
	fclose(file);
	free(read);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int replay_folder(const char *path)
{
	DIR *folder = opendir(path);
	if (!folder) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	int count = 0;
	for (struct dirent *entry; (entry = readdir(folder));) {
		char file[PATH_LIMIT];
		if (entry->d_name[0] == '.') {
			continue;
		}
		int length = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (length < 0 || (size_t)length >= sizeof(file)) {
			fprintf(stderr, "%s: too long a name\n", entry->d_name);
			exit(EXIT_FAILURE);
		}
		count += replay_file(file);
	}
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	int count = 0;
	for (int i = 1; i < argc; i++) {
		count += replay_folder(argv[i]);
	}
	printf("%d inputs replayed\n", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
