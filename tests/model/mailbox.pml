/* mailbox.pml - a conversation's way from the platform to its out list.
 *
 * Every Redis script is one indivisible step. A call whose reply is lost becomes a "ghost": the client
 * repeats it, and the first copy may still run at any later moment (or stands for "ran, reply lost" when it
 * runs first). That covers a restart of Redis with nothing lost, and a broken connection. A pull is not
 * repeated: where its reply is lost the entry stays pending under the puller's name, and nobody runs it until
 * it is claimed.
 * Turn slots 0 and 1 belong to worker 0, slot 2 to worker 1; a crash takes all slots of a worker along, and
 * its next start has a new consumer name. All faults have budgets, and no step can be repeated for ever, so
 * every run ends; what must hold "in the end" is asserted there, when nothing more can move.
 *
 * Messages 0..2 go to conversation 0 (sender of 2 differs), 3 to conversation 1. Limits are scaled: an error
 * or crash limit of 2 for the 5 and 10 of the scripts, one message at a time from the first failure on.
 */
#ifndef CRASH
#define CRASH 1		/* worker crashes */
#endif
#ifndef PAUSE
#define PAUSE 1		/* takeovers from a worker that still lives (paused, late): it goes on as a zombie */
#endif
#ifndef LOST
#define LOST 1		/* calls with unknown outcome */
#endif
#ifndef FAILS
#define FAILS 1		/* turns that end in an error */
#endif
#ifndef GIVES
#define GIVES 1		/* entries given back by drain */
#endif
#ifndef REDEL
#define REDEL 1		/* deliveries repeated by the platform: gateway died before the ack, or no reason at all */
#endif
#ifndef WITHDRAW
#define WITHDRAW 0	/* messages taken back by their senders */
#endif
#define NM 4
#define NC 2
#define NS 3
#ifndef ELIM
#define ELIM 2
#endif
#ifndef CLIM
#define CLIM 2
#endif
#define SPLIT 1

#define CONV(m) (m == 3)
#define SENDER(m) (m == 2)
#define W(s) (s / 2)
#define NAME(w) (1 + w + 2 * gen[w])

/* Redis: the mailbox m:, and the hash c: of a conversation with its one entry */
chan mb[NC] = [4] of { byte };	/* the first fn of them are the batch in flight */
#define NONE 0
#define READY 1
#define PENDING 2
#define WAITS 3			/* for its retry, in the sorted set of what is due */
#define FORGOTTEN 4		/* M_DELCONSUMER */
byte est[NC], eid[NC], eown[NC], etry[NC];	/* state, id, own, try */
byte nid[NC];
byte fby[NC], fn[NC];		/* by and n: who took the batch in flight, and its size */
bool seen[NM], gone[NM];	/* dedupe keys, and whether they say withdrawn */
byte errs[NM], crs[NM];		/* e<message>, k<message> */
/* what the platform knows: 0 to deliver, 1 stored() came, 2 acknowledged */
byte pst[NM];
/* for the checks only */
byte seq[NM], nseq[NC], lastout[NC], outn[NM], deadn[NM];
/* workers: 0 idle, 1 has an entry, 2 has its batch */
byte ss[NS], sc[NS], sid[NS], stry[NS], sn[NS];
byte gen[2];
/* one call in doubt */
byte gk, gc, gid, gname, gtry, gn;
#define G_TAKE 1
#define G_DONE 2
#define G_FAIL 3
#define G_GIVE 4
#define G_INGEST 5
#define G_WITHDRAW 6
byte crash = CRASH, pause = PAUSE, lost = LOST, fails = FAILS, gives = GIVES, redel = REDEL, wdraw = WITHDRAW;
#ifdef M_FLAG
byte emptied[NS];	/* what the worker saw before done */
#endif

hidden byte i, j, m, x, n, ok;

inline schedule(c) { nid[c]++; est[c] = READY; eid[c] = nid[c]; eown[c] = 0; etry[c] = 0 }
inline unschedule(c) { est[c] = NONE; eid[c] = 0; eown[c] = 0; etry[c] = 0; fby[c] = 0; fn[c] = 0 }
inline finish(c) {
	if
	:: len(mb[c]) > 0 -> schedule(c)
	:: else -> unschedule(c)
	fi
}
inline holds(c, id, name, try) {
	ok = (est[c] == PENDING && eid[c] == id && eown[c] == name
#ifndef M_NOATT
		&& etry[c] == try
#endif
		)
}
inline store(q) {
	if
	:: !seen[q] ->
		seen[q] = true;
		mb[CONV(q)] ! q;
		nseq[CONV(q)]++;
		if :: seq[q] == 0 -> seq[q] = nseq[CONV(q)] :: else fi;
		if :: est[CONV(q)] == NONE -> schedule(CONV(q)) :: else fi
	:: else
	fi
}
inline answered(q, c) {
	outn[q]++;
	assert(outn[q] + deadn[q] + gone[q] == 1);	/* exactly once, and never two committed turns */
	assert(seq[q] > lastout[c]);		/* in the order of acceptance */
	lastout[c] = seq[q]
}
inline bury(q) {
	deadn[q]++;
	assert(outn[q] + deadn[q] + gone[q] == 1)
#ifdef POISON
	; assert(q == 0)			/* only the message that kills dies */
#else
	; assert(CRASH + PAUSE + FAILS > 0)	/* a lost reply is no crash */
#endif
}
/* Counts a failure, else a crash, of the first fn messages; the order stays. */
inline count(c, failed) {
	j = 0;
	do
	:: j < len(mb[c]) ->
		mb[c] ? x;
		if :: j < fn[c] && failed -> errs[x]++ :: j < fn[c] && !failed -> crs[x]++ :: else fi;
		mb[c] ! x; j++
	:: else -> break
	od;
	j = 0; x = 0
}
/* The longest leading run of one sender. */
inline run_of(c) {
	n = 0; j = 0;
	do
	:: j < len(mb[c]) ->
		mb[c] ? x;
		if
		:: n == j && (n == 0 || SENDER(x) == SENDER(m)) -> n++; m = x
		:: else
		fi;
		mb[c] ! x; j++
	:: else -> break
	od;
	fn[c] = n; j = 0; x = 0; m = 0; n = 0
}
/* The batch in flight again, else the leading run. */
inline take(c, id, name, try) {
	holds(c, id, name, try);
	n = 0;
	if
	:: ok ->
		if
		:: fn[c] > 0 && fby[c] != 0 &&
#ifdef CRASH_PER_TAKE
		   true ->	/* any take that finds a batch counts */
#else
		   fby[c] != name ->	/* found under another name: its worker crashed, or seemed to */
#endif
			count(c, false)
		:: else
		fi;
		do
		:: len(mb[c]) > 0 ->
			mb[c] ? <x>;
			if :: crs[x] >= CLIM -> mb[c] ? x; bury(x); fn[c] = 0 :: else -> break fi
		:: else -> break
		od;
		if
		:: len(mb[c]) > 0 ->
			if
			:: errs[x] >= SPLIT || crs[x] >= SPLIT -> fn[c] = 1
			:: else ->
				if
#ifdef M_NOFLIGHT
				:: true -> run_of(c)	/* makes a new batch of what waits by now */
#else
				:: fn[c] == 0 -> run_of(c)
#endif
				:: else
				fi
			fi;
			fby[c] = name; n = fn[c]
		:: else -> finish(c); ok = false
		fi
	:: else
	fi;
	x = 0
}
/* Drops the batch in flight; k is what the worker had of it, and has answered. */
inline done(c, id, name, try, k, was) {
	holds(c, id, name, try);
#ifdef M_NOFENCE
	ok = (len(mb[c]) >= k);
#endif
	if
	:: ok ->
		assert(eown[c] == name && eid[c] == id && etry[c] == try);	/* no zombie commits */
		assert(len(mb[c]) >= fn[c]);				/* what it answers is still there */
		j = 0;
		do
		:: j < fn[c] -> mb[c] ? x; if :: j < k -> answered(x, c) :: else fi; j++
		:: else -> break
		od;
		fn[c] = 0; fby[c] = 0;
#ifdef M_FLAG
		if
		:: was -> unschedule(c)
		:: else -> finish(c)
		fi;
#else
		finish(c);
#endif
#ifdef M_WINDOW
		seen[x] = false;
#endif
	:: else
	fi;
	j = 0; x = 0
}
inline fail(c, id, name, try) {
	holds(c, id, name, try);
	if
	:: ok ->
		count(c, true);
		mb[c] ? <x>;
		if
		:: fn[c] == 1 && errs[x] >= ELIM -> mb[c] ? x; bury(x); fn[c] = 0; fby[c] = 0; finish(c)
		:: else -> est[c] = WAITS; eown[c] = 0; etry[c] = 0; fby[c] = 0; fn[c] = 0
		fi
	:: else
	fi;
	x = 0
}
inline give(c, id, name, try) {
	holds(c, id, name, try);
	if
	:: ok ->
		if :: fby[c] == name -> fby[c] = 0 :: else fi;	/* another's name tells of a crash to be counted */
		finish(c)	/* where nothing was taken all may be withdrawn */
	:: else
	fi
}
/* Takes back what waits behind the batch in flight; what was never stored is known from here on. */
inline withdraw(q, c) {
	if
	:: !seen[q] -> seen[q] = true; gone[q] = true
	:: else ->
		m = len(mb[c]); n = 0; j = 0;
		do
		:: j < m ->
			mb[c] ? x;
			if
#ifdef M_FROMBATCH
			:: x == q -> n = 1 + j
#else
			:: x == q && j >= fn[c] -> n = 1 + j
#endif
			:: else -> mb[c] ! x
			fi; j++
		:: else -> break
		od;
		if
#ifdef M_REVIVE
		:: n > 0 -> seen[q] = false;
#else
		:: n > 0 -> gone[q] = true;
#endif
			assert(outn[q] + deadn[q] == 0);
			if
#ifdef M_UNSCHEDULE
			:: n == 1 -> unschedule(c)
#else
			:: n == 1 && (est[c] == WAITS || (est[c] == READY && len(mb[c]) == 0)) -> finish(c)
#endif
			:: else
			fi
		:: else
		fi;
		m = 0; n = 0; j = 0; x = 0
	fi
}
#define HOLDS(s, c) (ss[s] > 0 && sc[s] == c && sid[s] == eid[c] && NAME(W(s)) == eown[c] && stry[s] == etry[c])
#define LIVE(c) (HOLDS(0, c) || HOLDS(1, c) || HOLDS(2, c))
inline idle(s) { ss[s] = 0; sc[s] = 0; sid[s] = 0; stry[s] = 0; sn[s] = 0 }
inline hold(s, c) { ss[s] = 1; sc[s] = c; sid[s] = eid[c]; stry[s] = etry[c] }
inline pull(s, c) { est[c] = PENDING; eown[c] = NAME(W(s)); etry[c] = 1 }
inline claim(s, c) { eown[c] = NAME(W(s)); etry[c]++; hold(s, c) }
inline ghost(kind, s) {
	lost--; gk = kind; gc = sc[s]; gid = sid[s]; gname = NAME(W(s)); gtry = stry[s]; gn = sn[s]
}
/* Quarantine: a batch found in flight under another name, or that was counted once, is suspect; it is held until
 * nothing else runs in its worker, and nothing begins beside it. */
#ifdef QUARANTINE
#define COUNTED(c) (c == 0 -> crs[0] > 0 : crs[3] > 0)
#define BAD(s, c) (COUNTED(c) || (fn[c] > 0 && fby[c] != 0 && fby[c] != NAME(W(s))))
#define MATE(s) (1 - s)
#define MAY(s) (W(s) == 1 || ss[MATE(s)] != 2 || (!BAD(s, sc[s]) && !BAD(s, sc[MATE(s)])))
#else
#define MAY(s) true
#endif
#ifdef M_OTHERS
#define CLAIMABLE(c) (est[c] == PENDING && eown[c] != NAME(0) && eown[c] != NAME(1))
#else
#define CLAIMABLE(c) (est[c] == PENDING)
#endif

proctype slot(byte s) {
end:	do
	/* pull */
	:: d_step { ss[s] == 0 && est[0] == READY -> pull(s, 0); hold(s, 0) }
	:: d_step { ss[s] == 0 && est[1] == READY -> pull(s, 1); hold(s, 1) }
	:: d_step { ss[s] == 0 && est[0] == READY && lost > 0 -> lost--; pull(s, 0) }
	:: d_step { ss[s] == 0 && est[1] == READY && lost > 0 -> lost--; pull(s, 1) }
	/* claim of what nobody's heartbeat covers; or, by budget, of what a late worker still runs */
	:: d_step { ss[s] == 0 && CLAIMABLE(0) && !LIVE(0) -> claim(s, 0) }
	:: d_step { ss[s] == 0 && CLAIMABLE(1) && !LIVE(1) -> claim(s, 1) }
	:: d_step { ss[s] == 0 && pause > 0 && est[0] == PENDING && LIVE(0) -> pause--; claim(s, 0) }
	:: d_step { ss[s] == 0 && pause > 0 && est[1] == PENDING && LIVE(1) -> pause--; claim(s, 1) }
	/* take */
	:: d_step { ss[s] == 1 && MAY(s) ->
		take(sc[s], sid[s], NAME(W(s)), stry[s]);
		if
		:: ok -> ss[s] = 2; sn[s] = n
		:: else -> idle(s)
		fi; ok = false; n = 0 }
	:: d_step { ss[s] == 1 && MAY(s) && lost > 0 && gk == 0 -> ghost(G_TAKE, s) }
	/* the turn ends */
#ifdef POISON
	:: d_step { ss[s] == 2 && sc[s] == 0 ->		/* message 0 kills its worker, every time */
		if :: W(s) == 0 -> idle(0); idle(1) :: else -> idle(2) fi; gen[W(s)]++ }
	:: d_step { ss[s] == 2 && sc[s] == 1 ->
#else
#ifdef M_FLAG
	:: d_step { ss[s] == 2 && emptied[s] == 0 -> emptied[s] = 1 + (len(mb[sc[s]]) == sn[s]) }
	:: d_step { ss[s] == 2 && emptied[s] > 0 ->
#else
	:: d_step { ss[s] == 2 ->
#endif
#endif
#ifdef M_FLAG
		done(sc[s], sid[s], NAME(W(s)), stry[s], sn[s], (emptied[s] == 2)); emptied[s] = 0;
#else
		done(sc[s], sid[s], NAME(W(s)), stry[s], sn[s], false);
#endif
		idle(s); ok = false }
	:: d_step { ss[s] == 2 && lost > 0 && gk == 0 -> ghost(G_DONE, s) }
	:: d_step { ss[s] == 2 && fails > 0 -> fails--; fail(sc[s], sid[s], NAME(W(s)), stry[s]); idle(s); ok = false }
	:: d_step { ss[s] == 2 && fails > 0 && lost > 0 && gk == 0 -> fails--; ghost(G_FAIL, s) }
	:: d_step { ss[s] > 0 && gives > 0 -> gives--; give(sc[s], sid[s], NAME(W(s)), stry[s]); idle(s); ok = false }
	:: d_step { ss[s] > 0 && gives > 0 && lost > 0 && gk == 0 -> gives--; ghost(G_GIVE, s) }
	/* kill -9 */
	:: d_step { s != 1 && crash > 0 ->
		crash--;
#ifdef M_DELCONSUMER
		if :: est[0] == PENDING && eown[0] == NAME(W(s)) -> est[0] = FORGOTTEN :: else fi;
		if :: est[1] == PENDING && eown[1] == NAME(W(s)) -> est[1] = FORGOTTEN :: else fi;
#endif
		if :: s == 0 -> idle(0); idle(1) :: else -> idle(2) fi; gen[W(s)]++ }
	od
}

/* Messages 0 and 1 are alike, so 1 may wait for 0 without losing a case. */
#define FIRST(q) (q != 1 || seq[0] > 0 || gone[0])
/* A gateway with one message of its platform; any gateway may get the next delivery. */
proctype platform(byte q) {
end:	do
	:: d_step { pst[q] == 0 && FIRST(q) -> store(q);
		if :: redel > 0 -> pst[q] = 1 :: else -> assert(seen[q]); pst[q] = 2 fi }
	:: d_step { pst[q] == 0 && FIRST(q) && lost > 0 && gk == 0 -> lost--; gk = G_INGEST; gc = q }
#ifdef M_ACKFIRST
	:: d_step { pst[q] == 0 && FIRST(q) -> pst[q] = 3 }		/* acknowledged, then stored */
	:: d_step { pst[q] == 3 -> store(q); pst[q] = 2 }
	:: d_step { pst[q] == 3 && redel > 0 -> redel--; pst[q] = 2 }	/* the gateway died between */
#endif
	:: d_step { wdraw > 0 && !gone[q] -> wdraw--; withdraw(q, CONV(q)) }
	:: d_step { wdraw > 0 && !gone[q] && lost > 0 && gk == 0 -> lost--; gk = G_WITHDRAW; gc = q }
	:: d_step { pst[q] == 1 -> assert(seen[q] || outn[q] + deadn[q] > 0); pst[q] = 2 }
	:: d_step { pst[q] == 1 && redel > 0 -> redel--; pst[q] = 0 }	/* the gateway died before the ack */
	:: d_step { pst[q] == 2 && redel > 0 -> redel--; store(q) }	/* delivered again all the same */
	od
}

proctype redis() {
end:	do
	:: d_step { est[0] == WAITS -> schedule(0) }
	:: d_step { est[1] == WAITS -> schedule(1) }
	:: d_step { gk != 0 ->
		if
		:: gk == G_INGEST -> store(gc)
		:: gk == G_TAKE -> take(gc, gid, gname, gtry)
		:: gk == G_DONE -> done(gc, gid, gname, gtry, gn, false)
		:: gk == G_FAIL -> fail(gc, gid, gname, gtry)
		:: gk == G_GIVE -> give(gc, gid, gname, gtry)
		:: gk == G_WITHDRAW -> withdraw(gc, CONV(gc))
		fi;
		gk = 0; gc = 0; gid = 0; gname = 0; gtry = 0; gn = 0; ok = false; n = 0 }
	od
}

init {
	atomic {
		run slot(0); run slot(1); run slot(2); run redis();
		run platform(0);
#ifndef POISON
		run platform(1);
#ifndef THREE
		run platform(2);
#endif
#endif
		run platform(3)
	}
	/* nothing moves any more */
	timeout ->
	d_step {
		m = 0;
		do
		:: m < NM ->
			if
			:: pst[m] == 2 -> assert(outn[m] + deadn[m] + gone[m] == 1)	/* answered, dead or withdrawn, once */
			:: else -> assert(pst[m] == 0)
			fi; m++
		:: else -> break
		od; m = 0;
		assert(est[0] == NONE && est[1] == NONE && len(mb[0]) + len(mb[1]) == 0)
	}
}
