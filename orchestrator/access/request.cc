#include "orchestrator/access/request.h"

#include "pki/digest.h"
#include "procedures/reason.h"

namespace smki::orchestrator {
namespace {

std::string OrNone(const std::string& text) {
  return text.empty() ? kNone : text;
}

// An empty word is no evidence and no reason, whoever signs it.
Status MustSay(const std::string& verb, const std::string& text) {
  // Who approves says so by signing for the request, whose reason they read.
  if (verb == "start" || verb == "approve" || !text.empty()) return OkStatus();
  return BadRequest(fmt::format("'{}' needs a text: {}; the text given is empty", verb,
                                verb == "done" ? "what was done and seen" : "why"));
}

// As they will stand for the record. BAD_REQUEST if one is answered twice.
StatusOr<procedures::FactorAnswers> AnswersIn(const recovery::v1::ActRequest& request) {
  procedures::FactorAnswers out;
  for (const recovery::v1::KeyValue& factor : request.factors()) {
    if (!out.emplace(factor.key(), SaidIn(factor.value())).second)
      return BadRequest(fmt::format("factor '{}' is answered twice", factor.key()));
  }
  return out;
}

StatusOr<procedures::Deviation> DeviationOf(const recovery::v1::ActRequest& request, const std::string& why) {
  const auto kind = procedures::DeviationKindFrom(request.deviation());
  if (!kind) return BadRequest(fmt::format("'{}' is none of skip, repeat, reorder, repin", request.deviation()));
  return procedures::Deviation{*kind, request.step(), request.not_after(), request.runbook(), why, request.witness()};
}

}  // namespace

Status BadRequest(const std::string& detail) {
  return procedures::Refuse(procedures::Reason::kBAD_REQUEST, detail);
}

std::string SaidIn(const std::string& text) {
  const std::string clean = procedures::CleanText(text).text;
  return clean.find_first_not_of(' ') == std::string::npos ? "" : clean;
}

StatusOr<procedures::RequestBody> BodyOf(const recovery::v1::ActRequest& request, const std::string& person) {
  const std::string& verb = request.verb();
  const std::string text = SaidIn(request.text());
  SMKI_RETURN_IF_ERROR(MustSay(verb, text));
  if (verb == "start") return procedures::RequestBody(procedures::StartRequest{request.step(), person});
  if (verb == "done") return procedures::RequestBody(procedures::DoneRequest{request.step(), person, text});
  if (verb == "decide") {
    SMKI_ASSIGN_OR_RETURN(procedures::FactorAnswers answers, AnswersIn(request));
    return procedures::RequestBody(
        procedures::DecideRequest{request.step(), person, request.choice(), text, std::move(answers)});
  }
  if (verb == "deviate") {
    SMKI_ASSIGN_OR_RETURN(procedures::Deviation asked, DeviationOf(request, text));
    return procedures::RequestBody(
        procedures::DeviateRequest{person, std::move(asked), ToHex(pki::Sha256(AsBytes(request.statement())))});
  }
  if (verb == "approve") return procedures::RequestBody(procedures::ApproveRequest{person, request.choice(), text});
  if (verb == "pause" || verb == "resume")
    return procedures::RequestBody(procedures::PauseRequest{person, verb == "resume", text});
  if (verb == "close") return procedures::RequestBody(procedures::CloseRequest{person, text});
  return BadRequest(fmt::format("'{}' is none of start, done, decide, deviate, approve, pause, resume, close", verb));
}

ExpectedStatement StatementExpectedOf(const recovery::v1::ActRequest& request, const std::string& incident) {
  ExpectedStatement out{incident,
                        OrNone(request.step()),
                        request.verb(),
                        OrNone(request.choice()),
                        request.expected_sequence(),
                        request.text(),
                        request.deviation(),
                        request.not_after(),
                        request.runbook(),
                        request.witness()};
  for (const recovery::v1::KeyValue& factor : request.factors())
    out.factors[factor.key()] = procedures::CleanText(factor.value()).text;
  return out;
}

}  // namespace smki::orchestrator
