// client.mjs - the websocket client of the stand-in's own library, for tests that play another instance of a bot.
export { WebSocket } from 'ws';
