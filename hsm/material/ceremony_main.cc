// smki-key-ceremony: makes key material before witnesses (docs/formats/key-ceremony.md).
#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/usage.h"
#include "hsm/material/key_ceremony.h"
#include "hsm/signer/identity_key.h"

namespace smki::hsm {
namespace {

struct Options {
  std::string site, file, id, person, certificate, key;
};

void Show(const CeremonyResult& made) {
  std::printf("%s: key %s in token %s\n", made.transcript.id.c_str(), made.transcript.key_identifier.c_str(),
              made.transcript.token.c_str());
  for (const procedures::CeremonyOutput& output : made.transcript.outputs)
    std::printf("  %s  %s\n", ToHex(output.sha256).c_str(), output.file.c_str());
}

Status Hold(const Options& options) {
  SMKI_ASSIGN_OR_RETURN(const CeremonySite site, ReadCeremonySite(PosixFiles(), options.site));
  SMKI_ASSIGN_OR_RETURN(const CeremonyResult made,
                        HoldKeyCeremony(site, options.file, PosixFiles(), SystemClock(), SystemRandom()));
  Show(made);
  std::printf(
      "Next: everybody who saw it compares these lines with the screen and signs:\n"
      "  smki-key-ceremony sign %s --site %s --person ...\n",
      made.transcript.id.c_str(), options.site.c_str());
  return OkStatus();
}

Status Sign(const Options& options) {
  SMKI_ASSIGN_OR_RETURN(const CeremonySite site, ReadCeremonySite(PosixFiles(), options.site));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey key, ReadIdentityKey(options.key));
  SMKI_ASSIGN_OR_RETURN(const std::string file, SignKeyCeremony(site, options.id, options.person, key,
                                                                options.certificate, PosixFiles(), SystemClock()));
  std::printf("%s\n", file.c_str());
  return OkStatus();
}

Status Look(const Options& options) {
  SMKI_ASSIGN_OR_RETURN(const CeremonySite site, ReadCeremonySite(PosixFiles(), options.site));
  SMKI_ASSIGN_OR_RETURN(const CeremonyResult made, ReadKeyCeremony(site, options.id, PosixFiles()));
  Show(made);
  return OkStatus();
}

void Finish(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "smki-key-ceremony: %s\n", Message(status).c_str());
  throw CLI::RuntimeError(1);
}

void AddCommands(CLI::App& app, Options& options) {
  CLI::App* hold = app.add_subcommand("hold", "make what a reviewed file says, in new tokens");
  hold->add_option("file", options.file, "the reviewed file, of runbooks/ceremonies")->required();
  hold->callback([&options] { Finish(Hold(options)); });
  CLI::App* sign = app.add_subcommand("sign", "sign the transcript of a ceremony that one has seen");
  sign->add_option("id", options.id, "of the ceremony")->required();
  sign->add_option("--person", options.person, "id in the trust policy")->required();
  sign->add_option("--certificate", options.certificate, "signing certificate (PEM)")->required();
  sign->add_option("--key", options.key, "its key (PEM), readable by nobody else")->required();
  sign->callback([&options] { Finish(Sign(options)); });
  CLI::App* show = app.add_subcommand("show", "hold the results of a ceremony against its transcript");
  show->add_option("id", options.id, "of the ceremony")->required();
  show->callback([&options] { Finish(Look(options)); });
  for (CLI::App* command : {hold, sign, show})
    command->add_option("--site", options.site, "where tokens and results are (ceremonies.yaml)")->required();
}

}  // namespace
}  // namespace smki::hsm

int main(int argc, char** argv) {
  CLI::App app("smki-key-ceremony: new keys of the SMKI, made before witnesses");
  app.require_subcommand(1);
  smki::hsm::Options options;
  smki::hsm::AddCommands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return smki::ExitAfter(app, error, argc, argv);
  }
  return 0;
}
