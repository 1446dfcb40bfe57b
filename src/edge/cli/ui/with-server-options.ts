import type { Command } from 'commander'
import { numberUpTo } from '../number-up-to.js'
import { repeated } from '../repeated.js'

/** Adds the options of a server of a board, each with the end of its description; `only` says when they count. */
export const withServerOptions = (command: Command, only = ''): Command =>
  command
    .option('--port <number>', `port of the page; 0: any that is free${only}`, numberUpTo('port', 65_535), 8390)
    .option('--bind <address>', `address to listen on${only}`, '127.0.0.1')
    .option('--host <name>', `a further name by which browsers may ask for the page; can be repeated${only}`, repeated)
    .option('--heading <text>', `title of the board${only}`, 'Services')
