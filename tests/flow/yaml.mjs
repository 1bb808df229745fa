// yaml.mjs - plain data -> a config file as a person would write it; texts stand in double quotes.

function scalar(value) {
	return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function isPlain(value) {
	return value === null || typeof value !== 'object';
}

function isEmpty(value) {
	return Object.keys(value).length === 0;
}

function inside(value, indent) {
	if (isPlain(value)) {
		return ` ${scalar(value)}\n`;
	}
	if (isEmpty(value)) {
		return Array.isArray(value) ? ' []\n' : ' {}\n';
	}
	return `\n${block(value, indent)}`;
}

function block(value, indent) {
	const space = ' '.repeat(indent);
	if (Array.isArray(value)) {
		return value.map((item) => {
			if (isPlain(item) || isEmpty(item)) {
				return `${space}-${inside(item, indent)}`;
			}
			return `${space}- ${block(item, indent + 2).slice(indent + 2)}`;
		}).join('');
	}
	return Object.entries(value)
		.filter(([, item]) => item !== undefined)
		.map(([key, item]) => `${space}${/^[\w-]+$/.test(key) ? key : JSON.stringify(key)}:${inside(item, indent + 2)}`)
		.join('');
}

export function toYaml(value) {
	return block(value, 0);
}
