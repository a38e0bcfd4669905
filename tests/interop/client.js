// client.js ADDRESS EXTRACTS: asks a Repository web service through @smartdcc/dccboxed-keystore, unchanged, for every
// certificate that the extract files say it has, and for some that it has not. The files are read here by other means
// than ours: the newest state of each certificate wins.
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { gunzipSync } = require('node:zlib')
const { BoxedKeyStore, KeyUsage } = require('@smartdcc/dccboxed-keystore')
const { search, query } = require('@smartdcc/dccboxed-keystore/dist/certificateSearch')

const [address, extracts] = process.argv.slice(2)

function readExtracts() {
  const names = fs.readdirSync(extracts).filter((name) => name.endsWith('.xml.gz'))
  const day = (name) => name.slice('SMKIKR_FULL_'.length)
  const full = names.filter((name) => name.startsWith('SMKIKR_FULL_')).sort().pop()
  const deltas = names.filter((name) => name.startsWith('SMKIKR_DELT_') && day(name) > day(full)).sort()
  const bySerial = new Map()
  for (const name of [full, ...deltas]) {
    const xml = gunzipSync(fs.readFileSync(path.join(extracts, name))).toString()
    for (const [record] of xml.matchAll(/<CertificateResponse>.*?<\/CertificateResponse>/gs)) {
      const field = (element) => record.match(new RegExp(`<${element}>(.*?)</${element}>`, 's'))?.[1].trim()
      bySerial.set(BigInt('0x' + field('CertificateSerial')), {
        organisation: field('CertificateSubjectName'),
        device: field('CertificateSubjectAltName'),
        status: field('CertificateStatus'),
        usage: field('CertificateUsage'),
        role: field('CertificateRole'),
        der: Buffer.from(field('CertificateBody'), 'base64'),
      })
    }
  }
  return bySerial
}

const hex = (certificates) => certificates.map((one) => one.toString('hex')).sort()

function groups(entries, keyOf) {
  const out = new Map()
  for (const entry of entries) {
    const key = JSON.stringify(keyOf(entry))
    out.set(key, [...(out.get(key) ?? []), entry.der])
  }
  return [...out].map(([key, ders]) => [JSON.parse(key), ders])
}

async function main() {
  const known = readExtracts()
  const all = [...known.values()]
  const devices = all.filter((one) => one.device)
  const organisations = all.filter((one) => one.organisation && one.usage !== 'CA')
  assert.ok(devices.length > 20 && organisations.length > 5, 'the estate is too small to show anything')
  assert.ok(all.some((one) => one.status !== 'I'), 'no certificate has another status than in use')

  const empty = path.join(os.tmpdir(), `smki-interop-${process.pid}.json`)
  fs.writeFileSync(empty, '{}')
  // Keeps what it was given, so each kind of question gets a store of its own.
  const keyStore = () => BoxedKeyStore.new(address, undefined, empty)
  const usages = { DS: KeyUsage.digitalSignature, KA: KeyUsage.keyAgreement }
  const asked = {}
  const count = (kind) => (asked[kind] = (asked[kind] ?? 0) + 1)

  // As an application asks: the Device's certificates in use for one usage.
  let store = await keyStore()
  for (const [[eui, usage], ders] of groups(devices.filter((one) => one.status === 'I'), (one) => [one.device, one.usage])) {
    const found = await store.query({ eui, keyUsage: usages[usage], lookup: 'certificate' })
    assert.ok(found, `${eui} ${usage} was not found`)
    assert.deepEqual(hex(found.map((one) => one.certificate.raw)), hex(ders), `${eui} ${usage}`)
    assert.ok(found.every((one) => one.eui.toString() === eui.replaceAll('-', '').toLowerCase()))
    count('Device and usage')
  }
  assert.equal(await store.query({ eui: 'ff-ff-ff-ff-ff-ff-ff-fe', keyUsage: KeyUsage.digitalSignature, lookup: 'certificate' }), null)
  await store.cleanup()

  // Whole serials in decimal; the client sends them in hexadecimal without leading zeros.
  store = await keyStore()
  for (const [serial, one] of known) {
    if (one.usage === 'CA') continue
    const found = await store.query({ serial, lookup: 'certificate' })
    assert.ok(found, `serial ${serial.toString(16)} was not found`)
    assert.deepEqual(found.certificate.raw, one.der)
    assert.equal(found.serial, serial)
    count('serial')
  }
  assert.equal(await store.query({ serial: 1n, lookup: 'certificate' }), null)
  await store.cleanup()

  // Organisations, by role; every status, so that none is given for another.
  const key = (one) => [one.organisation, one.usage, String(parseInt(one.role, 16)), one.status]
  for (const [[name, usage, role, status], ders] of groups(organisations, key)) {
    const q = { q: { CertificateSubjectName: name }, CertificateUsage: usage, CertificateStatus: status, CertificateRole: role }
    const found = await search(q, address)
    assert.deepEqual(hex(found.map((one) => one.x509.raw)), hex(ders), `${name} ${usage} role ${role} ${status}`)
    assert.ok(found.every((one) => one.meta.role === Number(role)))
    count('organisation, usage, role and status')
  }
  for (const [[eui, usage, status], ders] of groups(devices, (one) => [one.device, one.usage, one.status])) {
    const q = { q: { CertificateSubjectAltName: eui }, CertificateUsage: usage, CertificateStatus: status }
    assert.deepEqual(hex((await search(q, `http://${address}/`)).map((one) => one.x509.raw)), hex(ders), `${eui} ${status}`)
    count('Device, usage and status')
  }

  // A Device is no organisation, and the other way round.
  const inUse = { CertificateUsage: 'DS', CertificateStatus: 'I' }
  const missed = [
    { CertificateSubjectName: devices[0].device },
    { CertificateSubjectAltName: organisations[0].organisation },
    { CertificateSubjectAltName: '00-00-00-00-00-00-00-00' },
  ]
  for (const q of missed) {
    assert.deepEqual(await search({ ...inUse, q }, address), [], JSON.stringify(q))
    count('missing subject')
  }

  // What the client cannot have meant: 401.
  const wrong = [{ CertificateSubjectAltName: 'no EUI-64' }, { CertificateSubjectName: '' }, {}, { CertificateSubjectName: 'a & <b>' },
    { CertificateSubjectName: organisations[0].organisation, CertificateSubjectAltName: devices[0].device }]
  for (const q of wrong) {
    await assert.rejects(search({ ...inUse, q }, address), /invalid search parameters/, JSON.stringify(q))
    count('wrong parameters')
  }
  for (const serial of ['xyz', '', '-5', 'f'.repeat(65)]) {
    await assert.rejects(query(serial, address), /invalid search parameters/, serial)
    count('wrong parameters')
  }

  // An authority's certificate is found as well, though this client reads nothing out of it.
  const [serial] = [...known].find(([, one]) => one.usage === 'CA')
  await assert.rejects(query(serial.toString(16), address), /invalid subject|subjectAltName/)
  fs.rmSync(empty)
  for (const [kind, times] of Object.entries(asked)) console.log(`${String(times).padStart(5)}  ${kind}`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
