// smkictl ceremony ...: a Key Custodian checks who is asking, for what, and shows the share to that machine only.
#include <CLI/CLI.hpp>

#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/receipt.h"
#include "pki/digest.h"

namespace smki::cli {
namespace {

using keyguard::v1::Ceremony;
using keyguard::v1::KeyguardPersons;
using procedures::CeremonyRequest;

StatusOr<Ceremony> FetchCeremony(Person& person) {
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  Ceremony ceremony;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetCeremony, keyguard::v1::GetCeremonyRequest(),
                                        ceremony, kCallDeadline));
  return ceremony;
}

StatusOr<CeremonyRequest> Check(const Person& person, const Ceremony& ceremony) {
  return procedures::CheckCeremonyRequest(person.policy(), person.policy_text(), ceremony.request(),
                                          AsBytes(ceremony.signature()), person.id(), SystemClock().Now());
}

StatusOr<keyguard::v1::Status> AskStatus(Person& person, uint64_t records_seen) {
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::GetStatusRequest request;
  request.set_journal_records_seen(records_seen);
  keyguard::v1::Status status;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::GetStatus, request, status, kCallDeadline));
  return status;
}

// Refuses a keyguard whose journal does not go on from what this person has seen of it; else keeps what is seen now.
// Returns what was kept before.
StatusOr<std::optional<Receipt>> RenewReceipt(Person& person) {
  const std::string path = ReceiptPath(person.site().file);
  const Digest keyguard = pki::Sha256(person.policy().keyguard_certificate.bytes);
  SMKI_ASSIGN_OR_RETURN(const std::optional<Receipt> kept, ReadReceipt(PosixFiles(), path));
  if (kept && (kept->keyguard != keyguard || kept->environment != person.policy().environment)) {
    return FailedPrecondition(
        "{} is of another keyguard than the trust policy's. Next: ask the PMA whether the keyguard was replaced; if "
        "so, put the file away and check again",
        path);
  }
  SMKI_ASSIGN_OR_RETURN(const keyguard::v1::Status status, AskStatus(person, kept ? kept->journal_records : 0));
  if (kept) SMKI_RETURN_IF_ERROR(CheckReceipt(*kept, status));
  SMKI_ASSIGN_OR_RETURN(const Receipt seen, ReceiptOf(status, keyguard));
  SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(path, AsBytes(Render(seen))));
  return kept;
}

std::string Names(const Ceremony& ceremony) {
  std::string out;
  for (const std::string& name : ceremony.presented()) out += (out.empty() ? "" : ", ") + Printable(name);
  return out.empty() ? "nobody yet" : out;
}

Json CeremonyJson(const Ceremony& ceremony, const CeremonyRequest& request) {
  return {{"ceremony", request.id},
          {"request_sha256", ToHex(pki::Sha256(ceremony.request()))},
          {"environment", request.environment.ToString()},
          {"key", request.key},
          {"incident", request.incident},
          {"direction", request.direction_id},
          {"direction_sha256", ToHex(request.direction)},
          {"devices", request.devices},
          {"total", request.total},
          {"keyguard_time", FormatTime(request.keyguard_time)},
          {"expires", FormatTime(request.expires)},
          {"ceremony_certificate_sha256", ToHex(pki::Sha256(request.ceremony_certificate.bytes))},
          {"threshold", request.threshold},
          {"presented", std::vector<std::string>(ceremony.presented().begin(), ceremony.presented().end())},
          {"open", ceremony.open()}};
}

void ShowCheck(const Command& command, const Ceremony& ceremony, const CeremonyRequest& request,
               const std::optional<Receipt>& receipt) {
  if (command.json()) {
    Json json = CeremonyJson(ceremony, request);
    json["receipt"] = receipt ? Json{{"time", FormatTime(receipt->time)}, {"journal_records", receipt->journal_records}}
                              : Json(nullptr);
    command.Print(json);
    return;
  }
  const Style& style = command.style();
  std::string out = style.Strong("Ceremony " + request.id) + "\n";
  const auto fact = [&](const char* label, const std::string& text) { out += Fact(label, text, 13); };
  fact("asked by", style.Good("the keyguard of the trust policy; its signature is good"));
  fact("environment", request.environment.ToString());
  fact("opens", fmt::format("the {} key", request.key));
  // A custody change: no Device, no signature (docs/formats/custody-change.md).
  const bool custody = request.direction_id.starts_with("CUS-");
  fact("for", custody ? fmt::format("changing who holds its shares, {}; see smkictl custody show", request.direction_id)
                      : fmt::format("incident {}, Direction {}", request.incident, request.direction_id));
  fact(custody ? "change" : "direction", ToHex(request.direction));
  fact("limits", fmt::format("{}, {} signatures in all", Count(request.devices, "Device"), Count(request.total)));
  fact("its time", FormatTime(request.keyguard_time) + ", the request ends at " + FormatTime(request.expires));
  fact("journal",
       fmt::format("{} records, head {}", request.journal_records, ToHex(request.journal_head).substr(0, 16)));
  fact("receipt", receipt ? style.Good(fmt::format("the journal goes on from the {} records you saw at {}",
                                                   receipt->journal_records, FormatTime(receipt->time)))
                          : "you have seen no journal of this keyguard before; from now on you have");
  fact("ceremony key", ToHex(pki::Sha256(request.ceremony_certificate.bytes)));
  fact("shares", fmt::format("{} of {} presented: {}", ceremony.presented_size(), request.threshold, Names(ceremony)));
  out += "\n";
  fact("compare", "the ceremony key above with what the keyguard's operator reads out");
  fact("next",
       ceremony.open() ? "the key is open; nothing more from you" : "to show your share:  smkictl ceremony present");
  command.Print(out);
}

Status Present(const Command& command, const std::string& expected_id) {
  SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
  SMKI_ASSIGN_OR_RETURN(const Ceremony ceremony, FetchCeremony(person));
  SMKI_ASSIGN_OR_RETURN(const CeremonyRequest request, Check(person, ceremony));
  SMKI_RETURN_IF_ERROR(RenewReceipt(person).status());
  if (!expected_id.empty() && request.id != expected_id) {
    return FailedPrecondition("the keyguard asks for ceremony {}, not {}; check it again before you present",
                              request.id, expected_id);
  }
  SMKI_ASSIGN_OR_RETURN(const procedures::PresentedShare share, person.PresentShare(request, ceremony.request()));
  SMKI_ASSIGN_OR_RETURN(KeyguardPersons::Stub * stub, person.Keyguard());
  keyguard::v1::PresentShareRequest present;
  present.set_presentation(share.document);
  present.set_signature(ToString(share.signature));
  present.set_envelope(ToString(share.envelope));
  keyguard::v1::PresentShareResponse response;
  SMKI_RETURN_IF_ERROR(rpc::CallAndWait(*stub, &KeyguardPersons::Stub::PresentShare, present, response, kCallDeadline));
  // The share has been shown; a receipt that cannot be renewed now is older, not wrong.
  const Status renewed = RenewReceipt(person).status();
  if (command.json()) {
    command.Print(CeremonyJson(response.ceremony(), request));
    return OkStatus();
  }
  command.Print(command.style().Good("presented") + "  your share of the " + request.key + " key to " + request.id +
                "\n" +
                Fact("shares",
                     fmt::format("{} of {}: {}", response.ceremony().presented_size(), request.threshold,
                                 Names(response.ceremony())),
                     10) +
                Fact("key", response.ceremony().open() ? "open" : "closed until enough custodians have presented", 10) +
                Fact("receipt",
                     renewed.ok() ? "of the keyguard's journal, kept beside your site file"
                                  : "not renewed: " + Printable(Message(renewed)),
                     10) +
                Fact("next", "nothing more from you; put the share away", 10));
  return OkStatus();
}

}  // namespace

void AddCeremonyCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("ceremony", "a Key Custodian's part in opening a key");
  group->require_subcommand(1);

  CLI::App* check =
      group->add_subcommand("check", "who asks for your share, and for what; checked against the trust policy");
  check->callback([&command] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(Person person, command.LoadPerson());
      SMKI_ASSIGN_OR_RETURN(const Ceremony ceremony, FetchCeremony(person));
      SMKI_ASSIGN_OR_RETURN(const CeremonyRequest request, Check(person, ceremony));
      SMKI_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, RenewReceipt(person));
      ShowCheck(command, ceremony, request, receipt);
      return OkStatus();
    });
  });

  CLI::App* present =
      group->add_subcommand("present", "check again, then show your share to that ceremony and no other");
  auto id = std::make_shared<std::string>();
  present->add_option("--ceremony", *id, "present only to this ceremony (CER-...)");
  present->callback([&command, id] { command.Run([&] { return Present(command, *id); }); });
}

}  // namespace smki::cli
