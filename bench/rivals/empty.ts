import { listen, type StartContender } from '../contender.js';

/** Reads the body and replies: the lower bound for every server. */
export const start: StartContender = () =>
  listen((request, response) => {
    request.on('data', () => {});
    request.on('end', () => {
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 9 });
      response.end('result=OK');
    });
  });
