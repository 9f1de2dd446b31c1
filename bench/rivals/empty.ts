import { listen, type StartContender } from '../contender.js';

/** Reads the body and answers: the floor that nobody gets under. */
export const start: StartContender = () =>
  listen((request, response) => {
    request.on('data', () => {});
    request.on('end', () => {
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 9 });
      response.end('result=OK');
    });
  });
