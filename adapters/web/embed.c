/* embed.c - build tool: files -> one C source that holds their bytes (struct web_file, files.h).
 *
 * usage: embed OUTPUT FILE... ; a program of our own because xxd is not part of a bare Debian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void put_file(FILE *out, const char *path, int number)
{
	FILE *in = fopen(path, "rb");
	if (!in) {
		die(path);
	}
	fprintf(out, "static const unsigned char data_%d[] = {", number);
	for (int c = getc(in), column = 0; c != EOF; c = getc(in), column++) {
		fprintf(out, "%s%d,", column % 24 == 0 ? "\n" : "", c);
	}
	fputs("\n0};\n", out); /* never an empty array; the zero is not counted */
	if (ferror(in)) {
		die(path);
	}
	fclose(in);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fputs("usage: embed OUTPUT FILE...\n", stderr);
		return 2;
	}
	FILE *out = fopen(argv[1], "w");
	if (!out) {
		die(argv[1]);
	}
	fputs("#include \"files.h\"\n", out);
	for (int i = 2; i < argc; i++) {
		put_file(out, argv[i], i);
	}
	fputs("const struct web_file web_files[] = {\n", out);
	for (int i = 2; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');
		fprintf(out, "{\"%s\", data_%d, sizeof(data_%d) - 1},\n",
			slash ? slash + 1 : argv[i], i, i);
	}
	fputs("{0},\n};\n", out);
	if (fclose(out)) {
		die(argv[1]);
	}
	return 0;
}
