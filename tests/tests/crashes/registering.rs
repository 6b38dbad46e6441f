//! Phones that are registered, and whether they can be reached.

use crate::crowd::Crowd;
use crate::sip::{answer, header, request};
use crate::talk::PEOPLE;

impl Crowd {
    /// Every phone registers with the softswitch.
    pub fn register(&mut self) {
        for person in 0..PEOPLE {
            let local = self.phones[person].local_addr().unwrap();
            let text = request("REGISTER", local, person as u32 + 1, "Expires: 600\r\n", "");
            let text = text.replace("To: <sip:bob@", "To: <sip:alice@");
            self.phones[person]
                .send_to(text.as_bytes(), self.access)
                .unwrap();
        }
        self.until("registrations", |crowd| crowd.registered.len() == PEOPLE);
    }

    /// The softswitch sends a message to every registered phone, which hears it.
    pub fn reach_registered(&mut self, core: std::net::SocketAddr) {
        self.reached = [false; PEOPLE];
        let own = self.switch.local_addr().unwrap();
        for (number, contact) in (1..).zip(self.registered.clone()) {
            let uri = contact.split(['<', '>']).nth(1).unwrap();
            let text = request("MESSAGE", own, number, "", "");
            let text = text.replacen("sip:bob@example.org", uri, 1);
            self.switch.send_to(text.as_bytes(), core).unwrap();
        }
        self.until("messages", |crowd| crowd.reached == [true; PEOPLE]);
    }

    /// What the softswitch says to a REGISTER, having noted the Contact.
    pub fn registrar(&mut self, text: &str) -> String {
        let contact = header(text, "Contact").to_owned();
        let extra = format!("Contact: {contact};expires=600\r\n");
        if !self.registered.contains(&contact) {
            self.registered.push(contact);
        }
        answer(text, "200 OK", "r", &extra, "")
    }
}
