#include "cli/pma_acts.h"

#include "pki/digest.h"

namespace smki::cli {
namespace {

using procedures::SignatureFinding;

std::string FaultOf(const Status& status) {
  return status.ok() ? "" : Message(status);
}
Status AsStatus(const SignatureFinding& finding) {
  return finding.fault ? procedures::Refuse(*finding.fault, finding.detail) : OkStatus();
}

class ActsReader {
 public:
  ActsReader(const procedures::TrustPolicy& policy, const procedures::PolicyVerifier& verifier,
             const procedures::Direction& direction, UtcTime now, PmaActs& out)
      : policy_(policy), verifier_(verifier), direction_(direction), now_(now), out_(out) {}

  void Votes(const procedures::SignedVotes& given, const procedures::Votes& votes) {
    procedures::Voters voters(policy_, Of(direction_), now_);
    for (const procedures::Vote& vote : votes.approvals) Add("approve", vote.finding, "", voters.Admit(vote.finding));
    for (size_t i = 0; i < votes.rejections.size(); ++i) {
      const auto document = procedures::ParseRejection(given.rejections[i].text);
      const SignatureFinding& finding = votes.rejections[i].finding;
      Add("reject", finding, document.ok() ? document->reason.text : "", voters.Admit(finding));
    }
    const Status judged = procedures::JudgeVotes(policy_, direction_, out_.direction, votes, now_);
    out_.votes = judged.ok() ? kDirected : Message(judged);
    if (!votes.cast) return;
    const bool decides = judged.ok() || procedures::IsRefusal(judged, procedures::Reason::kDIRECTION_REJECTED);
    Add("cast " + votes.cast->document.decision, votes.cast->finding, votes.cast->document.reason.text,
        decides ? OkStatus() : judged);
    out_.acts.back().seat = out_.acts.back().person == policy_.chair ? "chair" : "";
  }

  void Orders(const keyguard::v1::Status& status) {
    std::vector<procedures::GivenOrder> standing;
    for (const keyguard::v1::GivenOrder& given : status.orders()) Order(given, standing);
    switch (procedures::StandingAfter(standing, policy_)) {
      case procedures::Standing::kNone:
        out_.orders = kNoneStands;
        break;
      case procedures::Standing::kHalted:
        out_.orders = kHalted;
        break;
      case procedures::Standing::kWithdrawn:
        out_.orders = kWithdrawn;
        break;
    }
  }

 private:
  void Add(std::string what, const SignatureFinding& finding, std::string reason, const Status& counts) {
    const procedures::Seat* const seat = policy_.SeatOf(finding.person);
    out_.acts.push_back({finding.signing_time, std::move(what), finding.person, seat == nullptr ? "" : seat->name,
                         std::move(reason), FaultOf(counts)});
  }

  void Order(const keyguard::v1::GivenOrder& given, std::vector<procedures::GivenOrder>& standing) {
    const auto order = procedures::ParsePmaOrder(given.document());
    SignatureFinding finding =
        verifier_.Verify(AsBytes(given.document()), AsBytes(given.signature()), now_, procedures::kOrderHint);
    if (!order.ok()) return Add("order", finding, "", order.status());
    Status counts = AsStatus(finding);
    if (counts.ok() && (finding.person != order->person || order->direction != out_.direction ||
                        order->environment != policy_.environment)) {
      counts = procedures::Refuse(procedures::Reason::kNOT_PERMITTED,
                                  "it is another person's order, or about another "
                                  "Direction or environment");
    }
    if (counts.ok() && policy_.SeatOf(order->person) == nullptr && given.seat().empty())
      counts = procedures::Refuse(procedures::Reason::kNOT_PERMITTED, order->person + " has no seat in the PMA");
    Add(order->order, finding, order->reason.text, counts);
    if (counts.ok()) standing.push_back({order->order, order->person, given.seat()});
  }

  const procedures::TrustPolicy& policy_;
  const procedures::PolicyVerifier& verifier_;
  const procedures::Direction& direction_;
  const UtcTime now_;
  PmaActs& out_;
};

}  // namespace

procedures::SignedVotes VotesOf(const recovery::v1::DirectionView& view) {
  procedures::SignedVotes out;
  for (const std::string& approval : view.approvals()) out.approvals.push_back(ToBytes(AsBytes(approval)));
  for (const recovery::v1::Rejection& no : view.rejections())
    out.rejections.push_back({no.document(), ToBytes(AsBytes(no.signature()))});
  if (!view.casting_vote().document().empty()) {
    out.cast =
        procedures::SignedText{view.casting_vote().document(), ToBytes(AsBytes(view.casting_vote().signature()))};
  }
  return out;
}

StatusOr<PmaActs> JudgeActs(const procedures::TrustPolicy& policy, const procedures::PolicyVerifier& verifier,
                            const recovery::v1::DirectionView& view, const StatusOr<keyguard::v1::Status>& status,
                            UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const procedures::Direction direction, procedures::ParseDirection(view.direction()));
  PmaActs out;
  out.direction_id = direction.id;
  out.direction = pki::Sha256(view.direction());
  const procedures::SignedVotes given = VotesOf(view);
  SMKI_ASSIGN_OR_RETURN(const procedures::Votes votes,
                        procedures::VerifyVotes(policy, verifier, direction, AsBytes(view.direction()), given, now));
  ActsReader reader(policy, verifier, direction, now, out);
  reader.Votes(given, votes);
  if (status.ok()) {
    reader.Orders(*status);
  } else {
    out.orders = "unknown: " + Message(status.status());
  }
  return out;
}

std::string PmaActsText(const PmaActs& acts, const Style& style) {
  std::string out =
      style.Strong(Printable(acts.direction_id)) + "\n" + Fact("SHA-256", ToHex(acts.direction), 9) + "\n";
  Columns rows(2);
  for (const PmaAct& act : acts.acts) {
    rows.Row({act.time.ms == 0 ? "-" : FormatTime(act.time), act.what,
              act.person.empty() ? "somebody unknown" : Printable(act.person), act.seat.empty() ? "-" : act.seat,
              act.fault.empty() ? style.Good("counts") : style.Warn("does not count")});
  }
  out += acts.acts.empty() ? "  nobody has voted or ordered anything yet\n" : rows.Text();
  out += "\n";
  for (const PmaAct& act : acts.acts) {
    if (!act.reason.empty()) out += Fact(act.what, Printable(act.person + ": " + act.reason), 12);
    if (!act.fault.empty())
      out += Fact("not counted", Printable(act.what + " of " + act.person + ": " + act.fault), 12);
  }
  return out + Fact("votes", Printable(acts.votes), 12) + Fact("orders", Printable(acts.orders), 12);
}

Json PmaActsJson(const PmaActs& acts) {
  Json list = Json::array();
  for (const PmaAct& act : acts.acts) {
    list.push_back({{"time", act.time.ms == 0 ? "" : FormatTime(act.time)},
                    {"what", act.what},
                    {"person", act.person},
                    {"seat", act.seat},
                    {"reason", act.reason},
                    {"counts", act.fault.empty()},
                    {"fault", act.fault}});
  }
  return {{"direction", acts.direction_id},
          {"sha256", ToHex(acts.direction)},
          {"acts", list},
          {"votes", acts.votes},
          {"orders", acts.orders}};
}

}  // namespace smki::cli
