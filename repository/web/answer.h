// What the Repository web service answers: a call and a store make an answer, nothing else happens. No sockets, no
// clock. Any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"
#include "repository/store/store.h"

namespace smki::repository::web {

// An HTTP request, complete.
struct Call {
  std::string_view method, target, content_type, body;
};

struct Answer {
  unsigned status = 200;
  std::string reason;  // of the status line, where this interface has a meaning of its own
  std::string content_type;
  std::string body;   // also for HEAD, whose answer leaves it out
  std::string allow;  // with 405
  std::string fault;  // with 500: for the operator's log, never sent
};

// 200, 401 invalid parameters, 402 no such certificate; 404, 405, 413, 415; 500 with nothing but the audit reference if
// the store cannot be read (then `fault` says why). A search answers at most kMaxResults, newest first, and says in
// ResponseMessage if there are more.
Answer AnswerCall(const Call& call, const Store& store, const std::string& audit_reference);

// The answer to what never became a call (400, 413, 417, 431): one line of text.
Answer Refusal(unsigned status, std::string_view why, const std::string& audit_reference);

// The target without its query, which may hold a caller's key.
std::string_view PathOf(std::string_view target);

// Ten digits of seconds since 1970, a hyphen, 16 random hexadecimal digits.
std::string NewAuditReference(UtcTime now, Random& random);

}  // namespace smki::repository::web
