/* embed.c - build tool: files -> one C source that holds their bytes.
 *
 * usage: embed OUTPUT FILE... (struct web_file, files.h), or embed -s SYMBOL OUTPUT FILE: one file as
 * SYMBOL and SYMBOL_size. A program of our own because xxd is not part of a bare Debian. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The bytes and the end of an array whose declaration stands before. */
static void put_bytes(FILE *out, const char *path)
{
	FILE *in = fopen(path, "rb");
	if (!in) {
		die(path);
	}
	for (int c = getc(in), column = 0; c != EOF; c = getc(in), column++) {
		fprintf(out, "%s%d,", column % 24 == 0 ? "\n" : "", c);
	}
	fputs("\n0};\n", out); /* never an empty array; the zero is not counted */
	if (ferror(in)) {
		die(path);
	}
	fclose(in);
}

static void put_file(FILE *out, const char *path, int number)
{
	fprintf(out, "static const unsigned char data_%d[] = {", number);
	put_bytes(out, path);
}

static int put_symbol(const char *symbol, const char *output, const char *path)
{
	FILE *out = fopen(output, "w");
	if (!out) {
		die(output);
	}
	fprintf(out, "#include <stddef.h>\nextern const unsigned char %s[];\n", symbol);
	fprintf(out, "extern const size_t %s_size;\nconst unsigned char %s[] = {", symbol, symbol);
	put_bytes(out, path);
	fprintf(out, "const size_t %s_size = sizeof(%s) - 1;\n", symbol, symbol);
	if (fclose(out)) {
		die(output);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "-s") == 0) {
		return put_symbol(argv[2], argv[3], argv[4]);
	}
	if (argc < 2 || argv[1][0] == '-') {
		fputs("usage: embed [-s SYMBOL] OUTPUT FILE...\n", stderr);
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
